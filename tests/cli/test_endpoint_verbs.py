"""esb endpoint: what there is, whether it works, and stopping it for a while."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from esb.management.metrics import Metrics
from esb.testing.command_line import CommandLine

FILES = {
    "esb.yaml": "defaults: { owner: desk }\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: var/in\nready: { unchanged_for: 10ms }\npoll: 20ms\nformat: json\n",
    "endpoints/outbox.yaml": 'type: file\ndescription: What leaves\ndirectory: var/out\nname: "{{ body.n }}.json"\n',
    "endpoints/erp.yaml": "type: http_out\nurl: http://127.0.0.1:9/api\nauth: { bearer: secret://env/ERP_TOKEN }\n",
    "endpoints/hook.yaml": "type: http_in\nauth: { bearer: { tokens: [secret://env/HOOK_TOKEN] } }\n",
    "endpoints/night.yaml": 'type: timer\ncron: "0 3 * * *"\ntimezone: Europe/Berlin\n',
    "routes/orders.yaml": "description: o\nfrom: { endpoint: inbox }\nsteps:\n  - to: outbox\n",
    "routes/more.yaml": "description: m\nfrom: { endpoint: night }\nsteps:\n  - to: erp\n",
}


class Site(CommandLine):
    """A project in a folder, and the command line on it."""

    def __call__(self, *words: str) -> list[str]:
        said = super().__call__(*words)
        assert "Traceback" not in "\n".join(said) + self.err
        return said

    def endpoint(self, *words: str) -> list[Any]:
        return self.values("endpoint", *words, "--json")

    def drop(self, n: int) -> None:
        (self.folder / "var/in").mkdir(parents=True, exist_ok=True)
        (self.folder / f"var/in/{n}.json").write_text(json.dumps({"n": n}))

    def delivered(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "var/out").glob("*.json"))


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("ERP_TOKEN", "hush-hush-token")
    monkeypatch.setenv("HOOK_TOKEN", "another-hush-token")
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Site(tmp_path, capsys, behind=("-C", str(tmp_path)))


def test_endpoints_are_listed_with_what_they_feed_and_serve(site: Site) -> None:
    rows = {row["endpoint"]: row for row in site.endpoint("list")}

    assert (rows["inbox"]["direction"], rows["inbox"]["feeds"]) == ("in", ["orders"])
    assert (rows["outbox"]["direction"], rows["outbox"]["serves"]) == ("out", ["orders"])
    assert rows["hook"]["direction"] == "in"
    assert not any(row["paused"] for row in rows.values())


def test_a_definition_is_shown_and_its_secrets_only_named(site: Site) -> None:
    shown = "\n".join(site("endpoint", "show", "erp"))

    assert "secret://env/ERP_TOKEN" in shown
    assert "url: http://127.0.0.1:9/api" in shown
    assert "hush" not in shown


def test_every_side_in_use_is_checked_in_one_line(site: Site) -> None:
    (site.folder / "var/out").mkdir(parents=True)
    (site.folder / "var/in").mkdir(parents=True)

    found = {(one["endpoint"], one["side"]): one for one in site.endpoint("check")}

    assert site.code == 1
    assert found["inbox", "in"]["ok"] and "can be listed" in found["inbox", "in"]["text"]
    assert found["outbox", "out"]["ok"] and "can be written to" in found["outbox", "out"]["text"]
    assert found["night", "in"]["text"].startswith("runs next at ")
    assert found["hook", "in"]["text"] == "waits at /in/hook of the listener; senders prove who they are"
    assert not found["erp", "out"]["ok"]
    assert ("inbox", "out") not in found
    assert all("\n" not in one["text"] and "hush" not in one["text"] for one in found.values())
    assert list((site.folder / "var/out").iterdir()) == []


def test_what_is_wrong_is_said_and_what_to_do(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ERP_TOKEN")

    (line,) = site("endpoint", "check", "erp")

    assert site.code == 1
    assert line == "[-] erp (out): secret://env/ERP_TOKEN has no value; set the environment variable ERP_TOKEN"


def test_a_name_that_means_nothing_is_an_error_with_the_nearest(site: Site) -> None:
    site("endpoint", "check", "outbx")

    assert site.code == 64
    assert "outbox" in site.err


def test_a_paused_source_takes_nothing_until_it_is_resumed(site: Site) -> None:
    site.drop(1)
    site("endpoint", "pause", "inbox", "--reason", "ACME sends rubbish")

    site("run", "--once", "--log-level", "error")
    before = site.delivered()
    site("endpoint", "resume", "inbox")
    site("run", "--once", "--log-level", "error")

    assert (before, site.delivered()) == ([], ["1.json"])


def test_what_is_sent_to_a_paused_endpoint_waits_and_leaves_when_it_goes_on(site: Site) -> None:
    site.drop(1)
    site("endpoint", "pause", "out*", "--reason", "they move house")

    site("run", "--once", "--log-level", "error")
    before = site.delivered()
    waiting = [line.split("\t")[:2] for line in site("queue", "list")]
    site("endpoint", "resume", "outbox")
    site("run", "--once", "--log-level", "error")

    assert before == []
    assert ["delivery/outbox", "1"] in waiting
    assert site.delivered() == ["1.json"]


def test_a_pause_says_who_wants_it_and_why_and_needs_a_reason(site: Site) -> None:
    site("endpoint", "pause", "erp")
    refused = site.code
    site("endpoint", "pause", "erp", "--reason", "maintenance")
    site("endpoint", "pause", "erp", "--reason", "another reason")

    (row,) = site.endpoint("list", "erp")

    assert refused == 64
    assert row["paused"]["reason"].endswith(": maintenance")
    (resumed,) = site.endpoint("resume", "erp")
    (again,) = site.endpoint("resume", "erp")
    assert (resumed["was_paused"], again["was_paused"]) == (True, False)


def test_a_process_serves_only_the_endpoints_that_it_is_told(site: Site) -> None:
    site.drop(1)

    site("run", "--once", "--log-level", "error", "--endpoints", "!outbox")
    before = site.delivered()
    site("run", "--once", "--log-level", "error", "--role", "delivery,recorder", "--endpoints", "out*")

    assert (before, site.delivered()) == ([], ["1.json"])


@contextmanager
def telling(metrics: bytes) -> Iterator[str]:
    """Serve metrics as a running process does; lends its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer."""
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(metrics)

        def log_message(self, *said: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_an_open_breaker_of_the_running_process_is_shown(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with telling(Metrics().render({}, {"erp": "open", "outbox": "closed"}, {})) as address:
        monkeypatch.setenv("ESB_LISTEN", address)
        rows = {row["endpoint"]: row["breaker"] for row in site.endpoint("list")}
        listed = "\n".join(site("endpoint", "list", "erp"))
        shown = site("endpoint", "show", "erp")

    assert (rows["erp"], rows["outbox"], rows["hook"]) == ("open", "closed", None)
    assert "the circuit breaker is open" in listed
    assert shown[0].startswith("the circuit breaker is open") or "the circuit breaker is open" in site.err


def test_without_a_running_process_nothing_is_said_of_breakers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESB_LISTEN", "127.0.0.1:9")

    assert {row["breaker"] for row in site.endpoint("list")} == {None}


def test_what_a_receiver_disabled_is_shown_and_goes_on_after_resume(site: Site) -> None:
    mark = site.folder / "var/disabled/erp"
    mark.parent.mkdir(parents=True)
    mark.write_text("the receiver answered 410 Gone at 2026-01-01T00:00:00+00:00\n")

    (row,) = site.endpoint("list", "erp")
    doctor = [line for line in site("doctor") if "left over" in line]
    (resumed,) = site.endpoint("resume", "erp")
    (again,) = site.endpoint("resume", "erp")

    assert row["disabled"].startswith("the receiver answered 410")
    assert doctor[0].startswith("[!] left over: erp is disabled (the receiver answered 410")
    assert not mark.exists()
    assert (resumed["was_disabled"], again["was_disabled"]) == (True, False)


def test_refused_items_are_counted_and_the_doctor_warns_of_them(site: Site) -> None:
    folder = site.folder / "var/refused/inbox"
    folder.mkdir(parents=True)
    for name in ("a", "a.error.txt", "b", "b.error.txt"):
        (folder / name).write_text("x")

    (row,) = site.endpoint("list", "inbox")
    doctor = {line["check"]: line for line in map(json.loads, site("doctor", "--json"))}

    assert row["refused"] == 2
    assert (doctor["left over"]["ok"], doctor["left over"]["warning"]) == (True, True)
    assert "2 refused by inbox" in doctor["left over"]["text"]
