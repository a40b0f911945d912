"""What a benchmark found: a table for people, figures for machines, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Report:
    """`faults` = promises that were broken during the run; a run with faults is worth nothing, whatever its speed."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Return it as Markdown, aligned so that it reads well on a terminal, too."""
        table = [list(self.columns), *(list(row) for row in self.rows)]
        widths = [max(len(row[at]) for row in table) for at in range(len(self.columns))]
        lines = [_line(row, widths) for row in table]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        parts = [f"## {self.name}: {self.title}", "\n".join(lines)]
        parts.extend(self.notes)
        parts.extend(f"FAULT: {fault}" for fault in self.faults)
        return "\n\n".join(parts)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = [
        cell.ljust(width) if at == 0 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "| " + " | ".join([first, *others]) + " |"
