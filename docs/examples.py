"""Runs the examples of a page: `python -m docs.examples docs/tutorial.md` says which do not do what the page shows.

- A block with `title="routes/x.yaml"` is a file of the page's project; all of them together must be without errors.
- A `console` block is run on a terminal of its own; what it prints must be what is shown (`…` = whatever).
- `yaml steps`, `yaml policies`, `yaml format`, `yaml transform`, `yaml endpoint` and `yaml project` are pieces of
  definitions; they are put into a copy of this repository's project and validated there. Behind a format or transform,
  `in` and `out` blocks (of any language) are what goes in and what must come out of it; `written` is what a format
  writes of the document before it.
- A table `| expression | gives |` is computed, with the last `json body` block as the body.
"""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import yaml

from docs.blocks import Block, blocks, commands, matches
from esb.expressions import compile_value, scope_of
from esb.message import Message
from esb.routes import lint, load, read_files
from esb.routes.library import Library

ROOT = Path(__file__).parents[1]
_LISTEN = "127.0.0.1:8080"
_PIECES = {"steps", "policies", "format", "transform", "endpoint", "project", "route", "partner"}
_STYLE = re.compile(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\")
"""Colours and links: what a terminal shows otherwise, and a page cannot."""
_JSON = msgspec.json.Encoder(decimal_format="number")


@dataclass
class Bench:
    """A folder where the examples of one page run, one after another."""

    folder: Path
    faults: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.here = self.folder
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.listen = f"127.0.0.1:{taken.getsockname()[1]}"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        plain = {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "160", "LINES": "50", "HOME": str(self.folder)}
        self.environment = {"PATH": path, "LANG": "C.UTF-8", "ESB_LISTEN": self.listen, **plain}

    def console(self, block: Block) -> None:
        """Run the commands of a block and compare what they print."""
        pairs = list(commands(block))
        for number, (command, shown) in enumerate(pairs, 1):
            wanted = int(block.options.get("exit", 0)) if number == len(pairs) else 0
            code, printed = self.run(command.replace(_LISTEN, self.listen))
            printed = printed.replace(self.listen, _LISTEN).replace(str(self.here), "…")
            if code != wanted:
                self.faults.append(f"{block.place}: `{command}` exits with {code}, not {wanted}:\n{printed}")
            elif shown.strip() and not matches(shown, printed):
                self.faults.append(f"{block.place}: `{command}` prints\n{textwrap.indent(printed, '  ')}")

    def run(self, command: str) -> tuple[int, str]:
        """Run one command in a shell on a terminal; `cd`, `export`, a last `&` and `kill %1` do what a shell does."""
        if command.startswith("cd "):
            self.here = (self.here / command[3:].strip()).resolve()
            return 0, ""
        if command.startswith("export "):
            name, _, value = command[7:].partition("=")
            self.environment[name] = value.strip("'\"")
            return 0, ""
        if command.startswith("kill %"):
            return self.stop(), ""
        if command.endswith(" &"):
            return self.start(command[:-2]), ""
        return _on_terminal(command, self.here, self.environment)

    def start(self, command: str) -> int:
        """Start a bus and return when it is ready."""
        log = (self.folder / "background.log").open("ab")
        line = ["bash", "-c", f"exec {command}"]
        child = subprocess.Popen(line, cwd=self.here, env=self.environment, stdout=log, stderr=log)  # noqa: S603
        self.running.append(child)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and child.poll() is None:
            with suppress(OSError):
                urllib.request.urlopen(f"http://{self.listen}/readyz", timeout=5).close()
                return 0
            time.sleep(0.05)
        self.faults.append(f"`{command}` was not ready:\n{(self.folder / 'background.log').read_text()}")
        return 1

    def stop(self) -> int:
        """Stop what was started; return the exit code of the last."""
        code = 0
        while self.running:
            child = self.running.pop()
            child.send_signal(signal.SIGTERM)
            code = child.wait(30)
        return code


def _on_terminal(command: str, folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Return exit code and output of a command that believes it has a terminal."""
    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as screen:  # noqa: PTH123 - a descriptor, not a path
        line = ["bash", "-c", command]
        child = subprocess.Popen(  # noqa: S603
            line, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        printed = b""
        with suppress(OSError):  # the kernel says "input/output error" when the last writer is gone
            while piece := screen.read(65536):
                printed += piece
        return child.wait(60), _STYLE.sub("", printed.decode().replace("\r\n", "\n"))


def piece(kind: str, text: str, name: str = "example") -> dict[str, bytes]:
    """Return the files that a piece of a definition becomes."""
    inner = textwrap.indent(text, "  ")
    whole = {
        "steps": (f"routes/{name}.yaml", f"description: example\nsteps:\n{inner}"),
        "policies": ("esb.yaml", f"policies:\n{inner}"),
        "format": ("endpoints/example.yaml", f"type: file\ndirectory: var/example\nformat:\n{inner}"),
        "transform": (f"transforms/{name}.yaml", text),
        "endpoint": (f"endpoints/{name}.yaml", text),
        "route": (f"routes/{name}.yaml", text),
        "partner": (f"schemas/partners/{name}.yaml", text),
        "project": ("esb.yaml", text),
    }
    path, content = whole[kind]
    return {path: content.encode()}


def errors(files: Mapping[str, bytes]) -> list[str]:
    """Return what is wrong with a project; warnings are not."""
    return [str(finding) for finding in lint(load(files)) if finding.severity == "error"]


def run_page(page: Path, folder: Path) -> list[str]:
    """Return what on a page is not true."""
    bench, files = Bench(folder), dict[str, bytes]()
    base = read_files(ROOT)
    last: tuple[str, Block] | None = None
    given: Block | None = None
    try:
        for block in blocks(page):
            kind = next(iter(block.words & _PIECES), "")
            if title := block.options.get("title"):
                files[title] = block.text.encode()
                place = bench.here / title
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(block.text, "utf-8")
            elif block.kind == "console":
                bench.console(block)
            elif kind:
                last = (kind, block)
                found = errors({**base, **files, **piece(kind, block.text, block.options.get("name", "example"))})
                bench.faults += [f"{block.place}: {fault}" for fault in found]
            elif "in" in block.words:
                given = block
            elif block.words & {"out", "written"} and last is not None and given is not None:
                bench.faults += _differs(last, given, block, {**base, **files})
    finally:
        bench.stop()
    if any(path.startswith("routes/") for path in files):
        bench.faults += [f"{page.name}: {fault}" for fault in errors(read_files(bench.here))]
    return [*bench.faults, *_expressions(page)]


def _differs(last: tuple[str, Block], given: Block, wanted: Block, files: Mapping[str, bytes]) -> list[str]:
    """Return whether a format or transform makes something else of what goes in than the page shows."""
    kind, block = last
    library = Library(load({**files, **piece(kind, block.text)}))
    if kind == "format" and "written" in wanted.words:
        made: Any = library.format("example").render(_document(given.text))
    elif kind == "format":
        reader = library.format("example").reader(block.options.get("each"))
        parts = [*reader.feed(given.text.encode()), *reader.end()]
        made = [part.error or part.body for part in parts if not part.acknowledgment]
        made = made[0] if len(made) == 1 and block.options.get("each") is None else made
    else:
        made, _ = library.transform("example")(_message(_document(given.text), given.kind))
    if isinstance(made, bytes):
        made = made.decode()
    expected = _document(wanted.text) if wanted.kind == "json" else wanted.text
    if made == expected or (isinstance(made, str) and made.strip() == str(expected).strip()):
        return []
    return [f"{wanted.place}: it gives {_JSON.encode(made).decode()}"]


def _document(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return text


def _message(body: Any, format_: str = "json") -> Message:
    return Message(id="0" * 32, body=body, received=datetime(2026, 3, 2, 9, 30, tzinfo=UTC), format=format_,
                   partner="acme", route="orders", headers={"file-name": "orders-1.edi"})  # fmt: skip


def _expressions(page: Path) -> Iterator[str]:
    """Yield the rows of `expression, gives` tables that are not true."""
    body: Any = {}
    asked = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if found := re.fullmatch(r"<!-- body: (.*) -->", line):
            body = _document(found[1])
        asked = line.startswith("| expression | gives") or (asked and line.startswith("|"))
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not asked or len(cells) < 2 or not cells[0].startswith("`"):
            continue
        source, wanted = yaml.safe_load(cells[0].strip("`")) if cells[0][1] == '"' else cells[0].strip("`"), cells[1]
        message = _message(body)
        try:
            made = _JSON.encode(compile_value(source)(body, scope_of(message))).decode()
        except Exception as error:  # a table may show an error, too
            made = f"error: {error}"
        if made != wanted.strip("`"):
            yield f"{page.name}:{number}: {source} gives {made}"


def main(pages: Sequence[str]) -> int:
    """Run the examples of these pages."""
    failed = 0
    for name in pages:
        with tempfile.TemporaryDirectory() as folder:
            for fault in run_page(Path(name), Path(folder).resolve()):
                print(fault)
                failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
