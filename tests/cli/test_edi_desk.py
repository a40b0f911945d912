"""esb edi numbers and owed: control numbers that are seen and set, acknowledgments that are owed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from esb.management.edi.numbers import history_of
from esb.message import Filing, Message, Numbered, Scope
from esb.runtime.filing import file_away
from esb.stores import open_store
from esb.testing.command_line import CommandLine
from esb.trading import NumberClaim

ICH = Scope("x12", "interchange", "ZZ/HOUSE", "08/6112390050")
GROUP = Scope("x12", "group", "HOUSE", "ACME", "PO")
FILES = {"esb.yaml": "defaults: { owner: desk }\n"}


class Site(CommandLine):
    """A project whose store knows numbers and what was sent."""

    def values(self, *words: str) -> list[Any]:
        return super().values(*words, "--json")

    def store(self, work: Any) -> Any:
        async def within() -> Any:
            store = open_store(f"sqlite:{self.folder}/var/store.db")
            await store.open()
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(within())


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Site:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    made = Site(tmp_path, capsys, before=("edi",), behind=("-C", str(tmp_path)))
    made("numbers")
    made.store(lambda store: store.take([NumberClaim("a", "m1", 1.0, (ICH, GROUP))]))
    return made


def test_numbers_are_listed_by_level_and_pair(site: Site) -> None:
    found = {(line["level"], line["partner"], line["next"]) for line in site.values("numbers")}

    assert found == {("group", "ACME", 2), ("interchange", "08/6112390050", 2)}
    assert [line["level"] for line in site.values("numbers", "acme")] == ["group"]


def test_a_number_is_set_with_a_reason_and_the_change_is_shown(site: Site) -> None:
    site("numbers", "acme", "--set", "500", "--reason", "ACME lost count")

    assert site.code == 0
    assert "the next number of x12 group HOUSE ACME PO is 500" in site.err
    (line,) = site.values("numbers", "acme", "--history")
    assert line["next"] == 500
    assert "ACME lost count (the next number was 2, and is 500)" in line["history"][0]["text"]
    assert site.store(lambda store: store.history(history_of(GROUP)))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("", "--set", "500", "--reason", "x"), "names 2 lines, and --set needs one"),
        (("bolt", "--set", "500", "--reason", "x"), "names 0 lines"),
        (("acme", "--set", "500"), "say who sets it and why"),
        (("acme", "--set", "-1", "--reason", "x"), "no control number"),
    ],
)
def test_nothing_is_set_by_guess(site: Site, words: tuple[str, ...], says: str) -> None:
    site("numbers", *words)

    assert site.code == 64
    assert says in site.err
    assert [line["next"] for line in site.values("numbers")] == [2, 2]


def test_an_overdue_acknowledgment_is_listed_and_fails_the_check(site: Site) -> None:
    async def send(store: Any) -> None:
        filing = Filing((Numbered(ICH, 101), Numbered(GROUP, 7, owed=True)), 3600.0)
        moment = datetime(2026, 1, 2, tzinfo=UTC)
        message = Message(id="s1", body=b"ISA", received=moment, route="out", correlation_id="c1", format="x12/850")
        await store.file(await file_away(store, message, "delivery/acme-edi", filing, 1000.0))

    site.store(send)

    (line,) = site.values("owed")

    assert site.code == 1
    assert (line["what"], line["partner"], line["endpoint"], line["overdue"]) == (
        "group 7 (PO)",
        "ACME",
        "acme-edi",
        True,
    )
    assert "overdue" in site("owed", "--overdue")[0]


def test_nothing_owed_is_no_failure(site: Site) -> None:
    assert site("owed") == []
    assert site.code == 0
    assert site.err == "0 acknowledgments owed, 0 overdue\n"
