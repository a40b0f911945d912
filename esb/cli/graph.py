"""esb graph: which endpoints, routes and events hang together."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from esb.cli.options import AsJson, ProjectDir
from esb.cli.output import emit
from esb.errors import UsageError
from esb.routes import load, read_files
from esb.routes.graph import FORMATS, graph_of


def command(
    route: Annotated[str, typer.Argument(help="Only what hangs together with this route.")] = "",
    project: ProjectDir = Path(),
    form: Annotated[Literal["text", "mermaid", "svg"], typer.Option("--format", help="How it is drawn.")] = "text",
    json: AsJson = False,
) -> None:
    """Draw which endpoints feed which routes, where these send, and which events join them."""
    graph = graph_of(load(read_files(project)))
    try:
        graph = graph.around(route) if route else graph
    except LookupError as error:
        raise UsageError(error.args[0]) from None
    if json:
        emit({"things": [asdict(thing) for thing in graph.things], "edges": [asdict(edge) for edge in graph.edges]})
    else:
        print(FORMATS[form](graph), end="")
