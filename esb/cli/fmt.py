"""esb fmt: every definition in its one canonical form, comments kept."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from esb.cli.options import ProjectDir
from esb.cli.output import say
from esb.errors import DefinitionError, UsageError
from esb.routes import read_files
from esb.routes.formatting import formatted


def command(
    files: Annotated[
        list[str] | None, typer.Argument(help="Files below the project; default: all definitions.")
    ] = None,
    project: ProjectDir = Path(),
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if something would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; print what would change.")] = False,
) -> int:
    """Write definitions in canonical form: order of keys, quotes around paths, indentation; comments stay."""
    held = read_files(project)
    changed, refused = 0, 0
    for name in _chosen(files or [], project, list(held)):
        try:
            made = formatted(name, held[name])
        except DefinitionError as error:
            refused += 1
            say(str(error))
            continue
        if made.encode() == held[name]:
            continue
        changed += 1
        if diff:
            sys.stdout.writelines(_diff(name, held[name], made))
        elif check:
            print(name)
        else:
            _replace(project / name, made)
            print(name)
    say(f"{changed} {'to change' if check or diff else 'changed'}, {refused} not readable")
    return int(refused > 0 or (changed > 0 and (check or diff)))


def _chosen(given: list[str], project: Path, held: list[str]) -> list[str]:
    definitions = [name for name in held if name.endswith(".yaml") and not name.startswith("transforms/tables/")]
    if not given:
        return definitions
    chosen = []
    for file in given:
        path = Path(file)
        inside = path if path.exists() else project / path
        name = os.path.relpath(inside.resolve(), project.resolve()).replace(os.sep, "/")
        if name not in definitions:
            raise UsageError(f"{file} is not a definition of this project")
        chosen.append(name)
    return chosen


def _diff(name: str, before: bytes, after: str) -> list[str]:
    old = before.decode("utf-8", errors="replace").splitlines(keepends=True)
    return list(difflib.unified_diff(old, after.splitlines(keepends=True), f"a/{name}", f"b/{name}"))


def _replace(path: Path, text: str) -> None:
    """Put the new text in place in one stroke: an interrupted run leaves the old file or the new one."""
    fresh = path.with_name(f".{path.name}.fmt")
    fresh.write_text(text, encoding="utf-8", newline="\n")
    shutil.copymode(path, fresh)
    fresh.replace(path)
