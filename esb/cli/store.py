"""esb store: upgrade, back up and restore what the bus remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esb.cli.options import ProjectDir, StoreUrl, settings_of
from esb.cli.output import say
from esb.cli.run import run_async
from esb.stores import backup as back_up
from esb.stores import restore as put_back
from esb.stores import upgrade as bring_up

app = typer.Typer(no_args_is_help=True, help="The store: upgrade, backup, restore.")


@app.command()
def upgrade(project: ProjectDir = Path(), store: StoreUrl = "") -> None:
    """Bring the store's schema up to this version; a second time it does nothing."""
    settings = settings_of(project, store=store)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    run_async(bring_up(settings.store_url))
    say("the store is up to date")


@app.command()
def backup(
    path: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    project: ProjectDir = Path(),
    store: StoreUrl = "",
) -> None:
    """Write a consistent copy of the store, while the bus runs."""
    run_async(back_up(settings_of(project, store=store).store_url, path))
    say(f"written: {path}")


@app.command()
def restore(
    path: Annotated[Path, typer.Argument(help="A file that `esb store backup` wrote.")],
    project: ProjectDir = Path(),
    store: StoreUrl = "",
) -> None:
    """Fill an empty store from a backup."""
    settings = settings_of(project, store=store)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    run_async(put_back(settings.store_url, path))
    say("restored")
