"""esb store: upgrade, back up and restore what the bus remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esb.cli.desk import at_home
from esb.cli.options import AsJson, ProjectDir, StoreUrl, settings_of
from esb.cli.output import emit, say
from esb.cli.run import run_async
from esb.stores import backup as back_up
from esb.stores import restore as put_back
from esb.stores import upgrade as bring_up

app = typer.Typer(no_args_is_help=True, help="The store: upgrade, backup, restore.")


@app.command()
def upgrade(project: ProjectDir = Path(), store: StoreUrl = "", json: AsJson = False) -> None:
    """Bring the store's schema up to this version; a second time it does nothing."""
    settings = at_home(settings_of(project, store=store))
    run_async(bring_up(settings.store_url))
    _tell("the store is up to date", {"upgraded": True}, json)


@app.command()
def backup(
    path: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    json: AsJson = False,
) -> None:
    """Write a consistent copy of the store, while the bus runs."""
    run_async(back_up(at_home(settings_of(project, store=store)).store_url, path))
    _tell(f"written: {path}", {"written": str(path), "bytes": path.stat().st_size}, json)


@app.command()
def restore(
    path: Annotated[Path, typer.Argument(help="A file that `esb store backup` wrote.")],
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    json: AsJson = False,
) -> None:
    """Fill an empty store from a backup."""
    settings = at_home(settings_of(project, store=store))
    rows = run_async(put_back(settings.store_url, path))
    _tell(f"restored: {rows} rows", {"restored": str(path), "rows": rows}, json)


def _tell(text: str, data: dict[str, object], json: bool) -> None:
    if json:
        emit(data)
    else:
        say(text)
