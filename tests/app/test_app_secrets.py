"""Secrets: read when they are used, from the environment, from files, and from a program that an operator chose."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from esb.app import secrets
from esb.app.logs import Redactor
from esb.app.secrets import Secrets
from esb.errors import DefinitionError
from esb.runtime.clock import SystemClock
from esb.specs import SecretRef


class Log:
    """Remembers what was logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append(f"{event} {fields}")

    warning = error = info


class Clock(SystemClock):
    """A clock that a test sets."""

    time = 1000.0

    def now(self) -> float:
        return self.time


class Place:
    """A machine where secrets are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.log = folder, Clock(), Log()
        self.environment: dict[str, str] = {}
        self.secrets = self.anew()

    def anew(self) -> Secrets:
        self.secrets = Secrets(self.clock, self.log, self.folder, self.environment)
        return self.secrets

    def program(self, body: str) -> None:
        path = self.folder / "ask"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        self.environment["ESB_SECRETS_COMMAND"] = str(path)
        self.anew()

    def value(self, name: str) -> str:
        return self.secrets.value(SecretRef(f"secret://{name}"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_file_that_is_replaced_has_its_new_value_at_the_next_use(place: Place) -> None:
    (place.folder / "erp").write_text("old\n")
    before = place.value("file/erp")
    (place.folder / "erp").write_text("new\n")

    assert (before, place.value("file/erp")) == ("old", "new")


def test_a_program_is_asked_by_name_without_a_shell(place: Place) -> None:
    place.program('printf "%s|%s" "$#" "$1"')

    assert place.value("exec/erp/token") == "1|erp/token"


def test_a_program_is_asked_again_when_its_answer_is_old_and_nobody_waits_for_it(place: Place) -> None:
    (place.folder / "kept").write_text("old")
    place.program(f"cat {place.folder}/kept")
    first = place.value("exec/erp")
    (place.folder / "kept").write_text("new")
    soon = place.value("exec/erp")
    place.clock.time += secrets.FRESH + 1

    deadline = time.monotonic() + 10
    while place.value("exec/erp") != "new" and time.monotonic() < deadline:
        time.sleep(0.01)

    assert (first, soon, place.value("exec/erp")) == ("old", "old", "new")


def test_a_program_that_fails_later_leaves_the_old_value_in_use(place: Place) -> None:
    place.program(f"cat {place.folder}/kept")
    (place.folder / "kept").write_text("old")
    place.value("exec/erp")
    (place.folder / "kept").unlink()
    place.clock.time += secrets.FRESH + 1

    deadline = time.monotonic() + 10
    while not place.log.lines and time.monotonic() < deadline:
        assert place.value("exec/erp") == "old"
        time.sleep(0.01)

    assert "ended with 1" in place.log.lines[0]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("echo topsecret; echo topsecret >&2; exit 3", "ended with 3"),
        ("printf ''", "answered nothing"),
        ("head -c 70000 /dev/zero | tr '\\0' x", "more than 65536 bytes"),
        ("printf '\\377\\376'", "is no text"),
        ("sleep 5; echo topsecret", "did not answer within"),
    ],
)
def test_a_program_that_gives_no_secret_is_an_error_that_shows_nothing_of_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, body: str, says: str
) -> None:
    monkeypatch.setattr(secrets, "PATIENCE", 0.3)
    place.program(f"exec 2>&1; {body}" if "sleep" not in body else body)

    with pytest.raises(DefinitionError, match=says) as raised:
        place.value("exec/erp")

    assert "topsecret" not in str(raised.value) + "".join(place.log.lines)
    assert "secret://exec/erp" in str(raised.value)


@pytest.mark.parametrize(
    ("command", "says"),
    [("", "set ESB_SECRETS_COMMAND"), ("ask", "with its whole path"), ("/no/such", "cannot be run")],
)
def test_only_whoever_starts_the_process_says_which_program(place: Place, command: str, says: str) -> None:
    place.environment["ESB_SECRETS_COMMAND"] = command
    place.anew()

    with pytest.raises(DefinitionError, match=says):
        place.value("exec/erp")


def test_a_secret_is_blanked_also_as_addresses_json_and_keys_write_it() -> None:
    redactor = Redactor()
    redactor.add('p"ss/wörd 1')
    redactor.add("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n-----END KEY-----")

    for text in (
        'p"ss/wörd 1',
        "p%22ss%2Fw%C3%B6rd%201",
        'p\\"ss/w\\u00f6rd 1',
        "cCJzcy93w7ZyZCAx",
        "MIIEvQIBADANBgkqhkiG9w0BAQEF",
    ):
        assert redactor.text(f"a {text} b") == "a ••• b"
