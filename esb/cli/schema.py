"""esb schema: JSON Schema for editors: completion, hovers and squiggles while one types."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Literal

import typer

from esb.app import usable
from esb.cli.options import ProjectDir
from esb.cli.output import say
from esb.envelope import encode_document
from esb.management.openapi import openapi as describe
from esb.routes import Project, load, read_files
from esb.routes.schema import KINDS, file_of, modeline, schema_of
from esb.testing.route_test import schema as schema_of_tests


def command(
    kind: Annotated[
        Literal["route", "endpoint", "transform", "project", "partner", "test"],
        typer.Argument(help="The kind of file."),
    ] = "route",
    project: ProjectDir = Path(),
    names: Annotated[
        bool, typer.Option("--project", help="Complete the names of this project; --write always does.")
    ] = False,
    openapi: Annotated[
        bool, typer.Option("--openapi", help="Print the OpenAPI description of what this project takes in by HTTP.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the schemas of all kinds below the project.")] = False,
) -> None:
    """Print the JSON Schema of a kind of file, or write all of them to .esb/ with the comment that editors read."""
    if openapi:
        print(jsonlib.dumps(jsonlib.loads(encode_document(describe(usable(project)))), indent=2, ensure_ascii=False))
        return
    found = load(read_files(project)) if names or write else None
    if not write:
        print(_text(kind, found if names else None))
        return
    for path, line in write_all(project, found).items():
        say(f"{path}: {line}")


def write_all(folder: Path, project: Project | None) -> dict[Path, str]:
    """Write the schemas of all kinds of files; return each with the comment that tells editors of it."""
    written: dict[Path, str] = {}
    for kind in (*KINDS, "test"):
        path = folder / file_of(kind)
        path.parent.mkdir(exist_ok=True)
        path.write_text(_text(kind, project) + "\n", encoding="utf-8")
        written[path] = modeline(kind)
    return written


def _text(kind: str, project: Project | None) -> str:
    schema = schema_of_tests(project) if kind == "test" else schema_of(kind, project)
    return jsonlib.dumps(schema, indent=2)
