"""The fenced blocks of a page, and what their info strings say: ```yaml title="routes/x.yaml"``` and the like."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^```(.+?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block. `kind` is its language; `words` stand alone behind it, `options` have a value."""

    page: str
    line: int
    kind: str
    text: str
    words: frozenset[str] = frozenset()
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Return `page:line`, which terminals make clickable."""
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page that say what they are, in order."""
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        kind, *rest = shlex.split(found[1])
        pairs = dict(word.split("=", 1) for word in rest if "=" in word)
        words = frozenset(word for word in rest if "=" not in word)
        yield Block(page.name, text.count("\n", 0, found.start()) + 1, kind, found[2], words, pairs)


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with the output that is shown below it."""
    command, shown = "", ""
    for line in block.text.splitlines(keepends=True):
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:].strip(), ""
        elif command.endswith("\\"):
            command = f"{command[:-1]} {line.strip()}"
        else:
            shown += line
    if command:
        yield command, shown


def matches(shown: str, printed: str) -> bool:
    """Return whether an output is what the page shows; `…` stands for any text, alone on a line for any lines."""
    lines = []
    for line in shown.rstrip().splitlines():
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(".*?".join(map(re.escape, line.rstrip().split("…"))) + r"[ ]*\n")
    plain = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
    return re.fullmatch("".join(lines), plain) is not None
