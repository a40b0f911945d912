"""A run that fails in every way it can, and no output of it holds a secret."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from esb.cli import run

SECRETS = {
    "ERP_TOKEN": "tok-7f3e9b1c55",
    "ERP_PASSWORD": "pa55&wörd/with=signs",
    "QUEUE_PASSWORD": "queue-p4ss-22e1",
    "DB_PASSWORD": "db-p4ss-81aa",
    "MAIL_PASSWORD": "mail-p4ss-9c0d",
    "SFTP_PASSWORD": "sftp-p4ss-64ff",
    "HOOK_TOKEN": "hook-t0ken-1b2c",
}
ROUTE = "description: {0}\nfrom: {{ endpoint: in-{0} }}\nsteps:\n  - to: {0}\n"


POLICY = """
defaults: { owner: desk, retry: once }
policies:
  once: { transient: dead_letter, throttled: dead_letter, unknown: dead_letter }
"""


class Echo(BaseHTTPRequestHandler):
    """Refuses everything, and quotes all that it was sent, headers too."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = {"/busy": 503, "/broken": 500}.get(self.path, 400)
        text = f"{self.headers}\n{body!r}".encode()
        self.send_response(status, "refused " + str(self.headers.get("Authorization", "")))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_HEAD = do_POST  # noqa: N815 - the server calls them so

    def log_message(self, *given: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


def endpoints(server: str) -> dict[str, str]:
    """Return endpoints that fail, each with a secret of its own."""
    return {
        "bearer": f"type: http_out\nurl: {server}/refused\nauth: {{ bearer: secret://env/ERP_TOKEN }}\n",
        "busy": f"type: http_out\nurl: {server}/busy\nauth: {{ bearer: secret://env/ERP_TOKEN }}\n",
        "basic": f"type: http_out\nurl: {server}/broken\n"
        "auth: { basic: { user: bus, password: secret://env/ERP_PASSWORD } }\n",
        "broker": "type: queue\nurl: amqp://127.0.0.1:9/\nuser: bus\npassword: secret://env/QUEUE_PASSWORD\nqueue: q\n",
        "database": "type: sql\nurl: postgresql://127.0.0.1:9/erp\nuser: bus\npassword: secret://env/DB_PASSWORD\n"
        "ledger: done\nwrite:\n  - insert: orders\n    values: { n: $.n }\n",
        "mail": "type: smtp\nhost: 127.0.0.1\nport: 9\nuser: bus\npassword: secret://env/MAIL_PASSWORD\n"
        "from: bus@house.example\nto: [desk@house.example]\nsubject: hello\n",
        "partner": "type: sftp\nhost: 127.0.0.1\nport: 9\nuser: bus\nhost_key: SHA256:" + "A" * 43 + "\n"
        "auth: { password: secret://env/SFTP_PASSWORD }\ndirectory: /in\nname: x\n",
    }


class Site:
    """A project in a folder; everything that a command prints is kept."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capture = folder, capture
        self.said: dict[str, str] = {}

    def file(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def __call__(self, *words: str) -> str:
        self._capture.readouterr()
        with suppress(SystemExit):
            run([*words, "-C", str(self.folder)])
        out, err = self._capture.readouterr()
        self.said[" ".join(words)] = out + err
        return out


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, server: str) -> Site:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("esb.cli.queue.PATIENCE", 0.1)
    made = Site(tmp_path, capsys)
    made.file(
        "esb.yaml",
        POLICY,
    )
    made.file("endpoints/hook.yaml", "type: http_in\nauth: { bearer: { tokens: [secret://env/HOOK_TOKEN] } }\n")
    for name, text in endpoints(server).items():
        inbox = f"type: file\ndirectory: var/in-{name}\nready: {{ unchanged_for: 1ms }}\npoll: 5ms\nformat: json\n"
        made.file(f"endpoints/in-{name}.yaml", inbox)
        made.file(f"endpoints/{name}.yaml", text)
        made.file(f"routes/{name}.yaml", ROUTE.format(name))
        made.file(f"var/in-{name}/order.json", json.dumps({"n": 1}))
    return made


def test_no_output_of_a_failing_run_holds_a_secret(site: Site) -> None:
    valid = site("validate", "--json")
    assert json.loads(valid)["ok"], valid

    site(
        "run", "--once", "--log-level", "debug", "--log-format", "json", "--log-file", str(site.folder / "var/esb.log")
    )
    parked = [json.loads(line) for line in site("dead", "list", "--json").splitlines()]
    for row in parked:
        for words in (("dead", "show", row["id"]), ("trace", row["message"])):
            site(*words)
            site(*words, "--json")
    for words in (
        ("doctor",),
        ("endpoint", "check"),
        ("endpoint", "list"),
        ("queue", "list"),
        ("store", "backup", str(site.folder / "b")),
    ):
        site(*words)
    for name in endpoints(""):
        site("endpoint", "show", name)
        site("endpoint", "show", name, "--json")
        site("show", name)

    assert len(parked) >= 3, site.said
    found = [
        (name, place)
        for name, value in SECRETS.items()
        for place, text in [
            *site.said.items(),
            *((str(path), path.read_bytes().decode("latin-1")) for path in written(site)),
        ]
        if any(form in text for form in forms(value))
    ]
    assert found == []


def forms(value: str) -> list[str]:
    """Return a secret as it is written, quoted, escaped, and encoded with its user."""
    pair = b64encode(f"bus:{value}".encode()).decode()
    return [value, value.encode().decode("latin-1"), json.dumps(value)[1:-1], quote(value, safe=""), pair]


def written(site: Site) -> list[Path]:
    """Return every file that the run left behind: log, store, channel, backup, definitions."""
    return [path for path in site.folder.rglob("*") if path.is_file()]
