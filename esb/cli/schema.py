"""esb schema: JSON Schema for editors: completion, hovers and squiggles while one types."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Literal

import typer

from esb.cli.options import ProjectDir
from esb.cli.output import say
from esb.routes import Project, load, read_files
from esb.routes.schema import KINDS, file_of, modeline, schema_of


def command(
    kind: Annotated[
        Literal["route", "endpoint", "transform", "project", "partner"], typer.Argument(help="The kind of file.")
    ] = "route",
    project: ProjectDir = Path(),
    names: Annotated[bool, typer.Option("--project", help="Complete the names of this project, too.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the schemas of all kinds below the project.")] = False,
) -> None:
    """Print the JSON Schema of a kind of file, or write all of them to .esb/ with the comment that editors read."""
    found = load(read_files(project)) if names or write else None
    if not write:
        print(jsonlib.dumps(schema_of(kind, found if names else None), indent=2))
        return
    for path, line in write_all(project, found).items():
        say(f"{path}: {line}")


def write_all(folder: Path, project: Project | None) -> dict[Path, str]:
    """Write the schemas of all kinds of files; return each with the comment that tells editors of it."""
    written: dict[Path, str] = {}
    for kind in KINDS:
        path = folder / file_of(kind)
        path.parent.mkdir(exist_ok=True)
        path.write_text(jsonlib.dumps(schema_of(kind, project), indent=2) + "\n", encoding="utf-8")
        written[path] = modeline(kind)
    return written
