"""Bad definitions: files that are odd but right are read, all others get a place and a reason; nothing runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from esb.cli import run

ROUTE = b"""description: What comes in goes out
from: { endpoint: inbox }
steps:
  - to: outbox
"""
FILES = {
    "esb.yaml": b"defaults: { owner: me }\n",
    "endpoints/inbox.yaml": b"type: file\ndirectory: var/in\nformat: json\n",
    "endpoints/outbox.yaml": b"type: file\ndirectory: var/out\n",
    "routes/r.yaml": ROUTE,
}
READ = {
    "plain": ROUTE,
    "crlf": ROUTE.replace(b"\n", b"\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + ROUTE,
    "byte order mark and crlf": b"\xef\xbb\xbf" + ROUTE.replace(b"\n", b"\r\n"),
    "no last line end": ROUTE.rstrip(),
    "utf-16": ROUTE.decode().encode("utf-16"),
    "a megabyte in one comment": b"#" * 1_000_000 + b"\n" + ROUTE,
}
REFUSED = {
    "empty": (b"", "routes/r.yaml:1:1"),
    "only a comment": (b"# soon\n", "routes/r.yaml:1:1"),
    "nul": (ROUTE.replace(b"What", b"Wh\0at"), "routes/r.yaml:1:16"),
    "control character": (ROUTE.replace(b"What", b"Wh\x1bat"), "routes/r.yaml:1:16"),
    "latin-1": (ROUTE.replace(b"What", b"W\xe4s"), "routes/r.yaml:1:15"),
    "binary junk": (bytes(range(256)), "routes/r.yaml:2:118"),
    "ten megabytes": (b"#" * 10_000_000 + b"\n" + ROUTE, "routes/r.yaml:1:1"),
    "tab": (ROUTE.replace(b"  - to", b"\t- to"), "routes/r.yaml:4:1"),
    "never closed": (ROUTE.replace(b"inbox }", b"inbox"), "routes/r.yaml:"),
    "never unquoted": (ROUTE.replace(b"What", b'"What'), "routes/r.yaml:1:14"),
    "a key twice": (ROUTE + b"steps: []\n", "routes/r.yaml:5:1"),
    "two documents": (ROUTE + b"---\n" + ROUTE, "routes/r.yaml:5:1"),
    "a list": (b"- 1\n- 2\n", "routes/r.yaml:1:1"),
    "a word": (b"orders\n", "routes/r.yaml:1:1"),
    "an object of python": (b"!!python/object/apply:os.system [id]\n", "routes/r.yaml:1:1"),
    "a thousand levels": (b"steps: " + b"[" * 1000 + b"]" * 1000, "routes/r.yaml:1:"),
    "a hundred thousand levels": (b"steps: " + b"[" * 100_000, "routes/r.yaml:1:"),
    "a thousand million laughs": (
        b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
            b"%c: &%c [%b]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 10)) for c in range(ord("b"), ord("k"))
        ),
        "routes/r.yaml:",
    ),
    "a key of ten megabytes": (b"x" * 10_000_000 + b": 1\n" + ROUTE, "routes/r.yaml:1:"),
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_an_odd_but_right_definition_is_read(project: Path, content: bytes, capsys: pytest.CaptureFixture[str]):
    (project / "routes/r.yaml").write_bytes(content)

    assert run(["validate", "-C", str(project)]) == 0
    assert "error" not in capsys.readouterr().err


@pytest.mark.parametrize(("content", "place"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize(("command", "code"), [("validate", 1), ("run", 78)])
def test_a_bad_definition_is_refused_with_its_place(
    project: Path, content: bytes, place: str, command: str, code: int, capsys: pytest.CaptureFixture[str]
):
    (project / "routes/r.yaml").write_bytes(content)

    given = run([command, "-C", str(project), *(["--once"] if command == "run" else [])])

    said = capsys.readouterr()
    text = re.sub(r"\x1b\[[0-9;]*m", "", said.out + said.err)
    assert given == code
    assert place in text
    assert "Traceback" not in text
    assert len(text) < 10_000
    assert not re.search("[\x00-\x08\x0b-\x1f]", text)


def test_every_wrong_file_is_told_in_one_run(project: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("routes/r.yaml", "endpoints/inbox.yaml", "esb.yaml"):
        (project / name).write_bytes(b"{")

    run(["validate", "-C", str(project)])

    said = capsys.readouterr()
    assert all(f"{name}:" in said.out + said.err for name in ("routes/r.yaml", "endpoints/inbox.yaml", "esb.yaml"))


@pytest.mark.parametrize("command", ["run", "send", "queue"])
def test_a_folder_without_a_project_is_said_in_a_sentence(tmp_path: Path, command: str):
    words = {"run": ["run", "--once"], "send": ["send", "x", __file__], "queue": ["queue", "list"]}[command]
    done = subprocess.run(
        [sys.executable, "-m", "esb", *words, "-C", str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 78
    assert "Traceback" not in done.stderr
    assert str(tmp_path) in done.stderr
