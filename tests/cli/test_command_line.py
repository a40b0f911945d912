"""The command line as a program: help, completion, logs, a terminal that watches, and secrets that never show."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from esb import __version__
from esb.cli import COMMANDS, run
from esb.cli.progress import line

PROJECT = {
    "esb.yaml": "defaults: { owner: me }\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: var/in\nready: { unchanged_for: 10ms }\npoll: 20ms\nformat: json\n",
    "endpoints/outbox.yaml": "type: file\ndirectory: var/out\n",
    "routes/r.yaml": 'from: { endpoint: inbox, each: "$[*]" }\nkey: { order: $.n }\nsteps:\n  - to: outbox\n',
}


def lay_out(folder: Path, files: Mapping[str, str] = PROJECT) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "var/in").mkdir(parents=True, exist_ok=True)
    return folder


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"esb {__version__}\n"


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_has_help_that_names_its_flags(verb: str, capsys: pytest.CaptureFixture[str]):
    assert run([verb, "--help"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"Usage: esb {verb}")
    assert "-h, --help" in said.out


@pytest.mark.parametrize("words", [["dead", "list"], ["dead", "retry"], ["queue", "list"], ["store", "backup"]])
def test_every_verb_of_a_group_has_help(words: list[str], capsys: pytest.CaptureFixture[str]):
    assert run([*words, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: esb {' '.join(words)}")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("esb de", {"dead"}),
        ("esb dead re", {"retry", "release", "restore"}),
        ("esb dead list --st", {"--store", "--state"}),
    ],
)
def test_the_shell_completes_verbs_and_flags(
    typed: str, offered: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("_ESB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))

    with pytest.raises(SystemExit):
        run([])

    assert set(capsys.readouterr().out.split()) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_and_installed(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("HOME", str(tmp_path))

    for flag in ("--show-completion", "--install-completion"):
        with pytest.raises(SystemExit, match="0"):
            run([flag, shell])

    assert "_ESB_COMPLETE" in capsys.readouterr().out
    assert any("ESB_COMPLETE" in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_a_log_file_is_rotated_and_holds_one_value_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("ESB_LOG_SIZE", "2000")
    monkeypatch.setenv("ESB_LOG_KEEP", "2")
    folder = lay_out(tmp_path)
    for number in range(30):
        (folder / f"var/in/{number}.json").write_text(f'[{{"n": "{number}"}}]')

    code = run(["run", "--once", "-C", str(folder), "--log-file", str(tmp_path / "esb.log")])

    logs = {path.name: path.read_text() for path in tmp_path.glob("esb.log*")}
    assert (code, *capsys.readouterr()) == (0, "", "")
    assert sorted(logs) == ["esb.log", "esb.log.1", "esb.log.2"]
    assert max(map(len, logs.values())) <= 2000
    lines = [json.loads(line) for text in logs.values() for line in text.splitlines()]
    assert {"event", "level", "ts"} <= set.intersection(*(set(line) for line in lines))


@pytest.mark.parametrize(
    ("flags", "shape"),
    [
        (("--log-level", "info"), r'\{"roles": .*"event": "esb.started"'),
        (("--log-level", "warning"), r"\Z"),
        (("--log-format", "console"), r"20\d\d-\S+Z \[info +\] esb.started"),
    ],
)
def test_a_log_has_the_level_and_the_form_that_were_asked_for(
    tmp_path: Path, flags: tuple[str, ...], shape: str, capsys: pytest.CaptureFixture[str]
):
    assert run(["run", "--once", "-C", str(lay_out(tmp_path)), *flags]) == 0

    said = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().err)
    assert re.match(shape, said), said


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self.pid, self._tty = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", COLUMNS="120")
            os.execv(sys.executable, [sys.executable, "-m", "esb", *words])
        self.text = ""

    def until(self, pattern: str, seconds: float = 30.0) -> None:
        """Read until the pattern shows, or (for an empty one) until the terminal is closed."""
        deadline = time.monotonic() + seconds
        while not (pattern and re.search(pattern, self.text)):
            assert time.monotonic() < deadline, self.text
            if not select.select([self._tty], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(self._tty, 65536)
            except OSError:
                piece = b""
            if not piece:
                assert not pattern, self.text
                return
            self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", piece.decode(errors="replace"))

    def type(self, text: bytes) -> None:
        os.write(self._tty, text)

    def end(self) -> int:
        self.until("")
        os.close(self._tty)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_terminal_shows_one_line_that_counts_until_ctrl_c(tmp_path: Path):
    folder = lay_out(tmp_path)
    terminal = Terminal("run", "-C", str(folder), "--listen", "127.0.0.1:0")
    terminal.until("http://127.0.0.1:[0-9]+ · 0 in · 0 delivered")
    (folder / "var/in/a.json").write_text('[{"n": "1"}, {"n": "2"}, 3]')
    terminal.until("3 in · 2 delivered · 1 exceptions|3 in · 3 delivered")
    terminal.type(b"\x03")

    assert terminal.end() == 0
    assert "esb.started" not in terminal.text
    assert "Traceback" not in terminal.text
    assert terminal.text.count("\n") <= 2


@pytest.mark.parametrize(
    ("totals", "said"),
    [
        ({"received": 2, "delivered": 2}, "3 s · 2 in · 2 delivered"),
        ({"received": 1, "dead": 1}, "3 s · 1 in · 0 delivered · 1 exceptions · who must act: esb dead list"),
        ({"received": 1, "held": 1}, "3 s · 1 in · 0 delivered · 1 held · who must act: esb dead list"),
    ],
)
def test_the_line_names_the_command_when_somebody_must_act(totals: dict[str, int], said: str):
    assert line(Counter(totals), 3.0) == said


def test_what_needs_attention_scrolls_by_above_the_line(tmp_path: Path):
    folder = lay_out(tmp_path)
    (folder / "var/in/empty.json").touch()
    (folder / "var/in/bad\nname.json").touch()

    terminal = Terminal("run", "-C", str(folder), "--listen", "127.0.0.1:0")
    terminal.until("file.left")
    terminal.until(r"file.left[^\r]*\r\n.*0 in")
    os.kill(terminal.pid, signal.SIGTERM)

    assert terminal.end() == 0


class Echo(BaseHTTPRequestHandler):
    """A receiver that refuses, and (as some do) repeats the credentials that it was given."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        text = f'{{"error": "bad token {self.headers["Authorization"]}"}}'.encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST  # noqa: N815 - the name that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_no_secret_appears_in_any_output_of_a_failing_run(
    tmp_path: Path, echo: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    secret = "t0p-s3cret-token"
    monkeypatch.setenv("TOKEN", secret)
    erp = f"type: http_out\nurl: {echo}/x\nauth: {{ bearer: secret://env/TOKEN }}\neffect: {{ never_repeat: true }}\n"
    files = {**PROJECT, "endpoints/erp.yaml": erp}
    files["routes/r.yaml"] = files["routes/r.yaml"].replace("to: outbox", "to: erp")
    folder = lay_out(tmp_path / "p", files)
    (folder / "var/in/a.json").write_text('[{"n": "1"}]')

    looks = ["run --once --log-level debug", "find 1 --json", "trace 1", "dead list", "dead list --json", "doctor"]
    for words in (*looks, "show r"):
        run([*words.split(), "-C", str(folder)])

    said = capsys.readouterr()
    stored = b"".join(path.read_bytes() for path in (folder / "var").glob("*.db*"))
    assert said.out.count("bad token") >= 4
    assert secret not in said.out + said.err
    assert secret.encode() not in stored
