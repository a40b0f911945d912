"""A process imports what its project uses, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from esb.endpoints import ENDPOINTS
from esb.routes.parts import FORMATS

CLIENTS = ("aiohttp", "aiosmtplib", "aioftp", "asyncssh", "cryptography", "jwt", "kombu", "sqlalchemy", "cronsim")
LOOK = """
import sys
from esb.routes import load
project = load({{"endpoints/one.yaml": {text!r}}})
assert list(project.endpoints) == ["one"], project.findings
print(*[name for name in {clients!r} if name in sys.modules])
"""
NAMES = """
import sys
from esb.endpoints import ENDPOINTS
assert "sftp" in ENDPOINTS and len(list(ENDPOINTS)) > 9
print(*[name for name in {clients!r} if name in sys.modules])
"""
SFTP = "type: sftp\nhost: there\nuser: me\ndirectory: in\nformat: x12\nauth: { password: secret://env/PASSWORD }\n"
HTTP_IN = "type: http_in\nauth: { api_key: { keys: [secret://env/KEY] } }\nformat: json\n"
JWT = "type: http_in\nformat: json\nauth: { jwt: { issuer: us, audience: esb, jwks: https://us.example/keys } }\n"


def imported(text: str) -> set[str]:
    code = LOOK.format(text=text.encode(), clients=CLIENTS)
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("text", "clients"),
    [
        ("type: file\ndirectory: in\n", set()),
        (HTTP_IN, set()),
        (JWT, set()),
        (SFTP, {"asyncssh", "cryptography"}),
        ("type: timer\nevery: 1m\n", {"cronsim"}),
        ("type: http_out\nurl: https://there.example\n", {"aiohttp"}),
    ],
    ids=["file", "http_in", "http_in with tokens", "sftp", "timer", "http_out"],
)
def test_a_project_imports_the_client_libraries_of_the_endpoints_that_it_has(text: str, clients: set[str]):
    assert imported(text) == clients


def test_asking_for_names_imports_nothing():
    code = NAMES.format(clients=CLIENTS)

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.split() == []


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_type_is_listed_by_the_name_that_its_files_say(name: str):
    assert get_args(ENDPOINTS[name].model_fields["type"].annotation) == (name,)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_type_takes_every_format_however_late_it_is_imported(name: str):
    spec = ENDPOINTS[name]

    assert spec.__pydantic_complete__
    assert all(kind in str(spec.model_fields["format"].annotation) for kind in ("Json", "X12"))
    assert FORMATS


def test_an_unknown_type_is_not_there():
    assert "carrier-pigeon" not in ENDPOINTS
    with pytest.raises(KeyError):
        ENDPOINTS["carrier-pigeon"]
