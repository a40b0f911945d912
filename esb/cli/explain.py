"""esb explain: what a code means, with a wrong and a right example."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from esb.cli.options import AsJson
from esb.cli.output import emit
from esb.errors import UsageError
from esb.routes.codes import codes
from esb.routes.nearest import listed, meant


def command(
    code: Annotated[
        str, typer.Argument(help="A code that a finding showed, e.g. E203; without one: all of them.")
    ] = "",
    json: AsJson = False,
) -> None:
    """Explain a code: what it means, an example that has the fault, and one that has not."""
    known = codes()
    if not code:
        if json:
            emit([asdict(entry) for entry in known.values()])
        else:
            print("\n".join(f"{entry.code}  {entry.title}" for entry in known.values()))
        return
    entry = known.get(code.upper())
    if entry is None:
        advice = meant(code.upper(), known) or f"there are {listed(sorted(known), 80)}"
        raise UsageError(f'no code is called "{code}"; {advice}')
    if json:
        emit(asdict(entry))
    else:
        print(entry.text(), end="")
