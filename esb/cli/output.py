"""Output: data on stdout (tables for people, JSON with --json), talk on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console as RichConsole
from rich.markup import escape
from rich.table import Table

from esb.errors import DefinitionError, EsbError

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


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows for people; a terminal gets a table, a pipe gets tab-separated lines."""
    if not sys.stdout.isatty():
        for row in rows:
            sys.stdout.write("\t".join(str(cell) for cell in row) + "\n")
        return
    drawn = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        drawn.add_row(*(escape(str(cell)) for cell in row))
    Console().print(drawn)


def say(text: str) -> None:
    """Tell the person something; stdout stays clean for data."""
    sys.stderr.write(text + "\n")
