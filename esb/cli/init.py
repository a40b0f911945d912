"""esb init: a small project that works, with a route, its endpoints, a transform, a contract and tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esb.cli.options import ProjectDir
from esb.cli.output import say
from esb.cli.schema import write_all
from esb.errors import UsageError
from esb.routes import load
from esb.routes.starting import starter


def command(
    name: Annotated[str, typer.Argument(help="The folder to make; it becomes the project's name.")],
    project: ProjectDir = Path(),
) -> None:
    """Make a new project in a folder of its own."""
    folder = project / name
    files = starter(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already and not empty; choose another name")
    for path, raw in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(raw)
    write_all(folder, load(files))
    say(f"Made {folder}/ with {len(files)} files. Next: cd {folder} && esb validate && esb test")
