"""esb edi ack: the acknowledgments that we would send for a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from esb.cli.edi_options import Endpoint, GivenFile, Guides, Partner, called, chooser, known, opened, say_copies
from esb.cli.options import ProjectDir
from esb.cli.output import say


def command(
    file: GivenFile,
    project: ProjectDir = Path(),
    guide: Guides = None,
    endpoint: Endpoint = "",
    partner: Partner = "",
    kind: Annotated[
        Literal["997", "999", "contrl", "none", ""],
        typer.Option(help="How it is answered; default: 997 for X12, contrl for EDIFACT."),
    ] = "",
    ta1: Annotated[
        Literal["on-error", "requested", "always", "never", ""],
        typer.Option("--technical", help="When an X12 interchange is answered by a TA1; default: on-error."),
    ] = "",
    lines: Annotated[bool, typer.Option("--lines", help="A line end behind every segment, for people.")] = False,
) -> int:
    """Write the 997, 999, TA1 or CONTRL that this file would be answered with to stdout; exit 65 if there is none."""
    changes = {name: value for name, value in (("acknowledge", kind), ("ta1", ta1)) if value}
    count = 0
    with opened(file) as content:
        dialect = known(content, called(file), chooser(project, guide, endpoint, partner, **changes))
        reader, copies = dialect.reader_of(content)
        while True:
            piece = content.read(1 << 18)
            for part in reader.feed(piece) if piece else reader.end():
                if part.acknowledgment:
                    count += 1
                    _write(part.body, lines, dialect.name)
            if not piece:
                break
    say_copies(copies)
    say(f"{count} acknowledgment{'' if count == 1 else 's'}" if count else "nothing in it is acknowledged")
    return 0 if count else 65


def _write(body: bytes, lines: bool, dialect: str) -> None:
    if lines:
        term = body[105:106] if dialect == "x12" else body[8:9] if body.startswith(b"UNA") else b"'"
        body = body.replace(term, term + b"\n") if term not in b"\r\n" and term + b"\n" not in body else body
    sys.stdout.flush()
    sys.stdout.buffer.write(body if body.endswith(b"\n") or not lines else body + b"\n")
    sys.stdout.buffer.flush()
