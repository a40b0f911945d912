"""esb show: a route in sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esb.app.releases import usable
from esb.cli.options import AsJson, ProjectDir
from esb.cli.output import emit
from esb.errors import UsageError
from esb.routes.show import show


def command(
    route: Annotated[str, typer.Argument(help="The route; without one: all of them.")] = "",
    project: ProjectDir = Path(),
    json: AsJson = False,
) -> None:
    """Tell what a route does, step by step, and what happens when a step or a delivery fails."""
    found = usable(project)
    try:
        told = {name: show(found, name) for name in ([route] if route else sorted(found.routes))}
    except LookupError as error:
        raise UsageError(error.args[0]) from None
    if json:
        emit({name: text.splitlines() for name, text in told.items()})
    else:
        print("\n".join(told.values()), end="")
