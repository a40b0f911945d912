"""Output: data on stdout (tables for people, JSON with --json), talk on stderr."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console as RichConsole
from rich.markup import escape
from rich.table import Table

from esb.errors import DefinitionError, EsbError

LEGIBLE = 40
"""Sentences in a column of fewer characters are hard to read."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


def Console(stderr: bool = False) -> RichConsole:  # noqa: N802 - it stands for the class
    """Return a console that guesses nothing: plain text when it is not a terminal."""
    return RichConsole(stderr=stderr, highlight=False, soft_wrap=True)


def complain(err: RichConsole, error: EsbError | OSError, code: int) -> int:
    """Say what is wrong, with the places of a definition error, and return the exit code."""
    if isinstance(error, DefinitionError) and error.diagnostics:
        for diagnostic in error.diagnostics:
            err.print(escape(str(diagnostic)))
    else:
        err.print(f"[bold red]error:[/] {escape(str(error))}")
    return code


def emit(data: Any) -> None:
    """Print data as one line of JSON, decimals as they are."""
    sys.stdout.write(_encode(data).decode() + "\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], sentence: str = "") -> None:
    """Print rows for people; a terminal gets a table, a pipe gets tab-separated lines.

    `sentence`: the column that holds text to read. A terminal too narrow for it beside the others gets it below each.
    """
    if not sys.stdout.isatty():
        for row in rows:
            sys.stdout.write("\t".join(str(cell) for cell in row) + "\n")
        return
    console = Console()
    cells = [[str(cell) for cell in row] for row in rows]
    apart = columns.index(sentence) if sentence else None
    if apart is not None and _width_left(columns, cells, apart, console.width) < LEGIBLE:
        _stacked(console, columns, cells, apart)
        return
    drawn = Table(*columns, box=None, pad_edge=False)
    drawn.columns[0].no_wrap = True  # an id that is cut names nothing
    for line in cells:
        drawn.add_row(*map(escape, line))
    console.print(drawn)


def _width_left(columns: Sequence[str], rows: Sequence[Sequence[str]], apart: int, width: int) -> int:
    """Return how many characters a column has if the others are as wide as what stands in them."""
    widths = [max(map(len, column)) + 2 for column in zip(columns, *rows, strict=True)]
    return width - sum(widths) + widths[apart]


def _stacked(console: RichConsole, columns: Sequence[str], rows: Sequence[Sequence[str]], apart: int) -> None:
    """Print the short cells of a row on one line, and its sentence indented below."""
    short = [place for place in range(len(columns)) if place != apart and any(row[place] for row in rows)]
    widths = {place: max(len(line[place]) for line in (columns, *rows)) for place in short}
    console.print(f"[bold]{escape('  '.join(columns[place].ljust(widths[place]) for place in short).rstrip())}[/]")
    for row in rows:
        console.print(escape("  ".join(row[place].ljust(widths[place]) for place in short).rstrip()))
        for line in textwrap.wrap(row[apart], max(console.width - 4, LEGIBLE)):
            console.print(f"    {escape(line)}")


def say(text: str) -> None:
    """Tell the person something; stdout stays clean for data."""
    sys.stderr.write(text + "\n")
