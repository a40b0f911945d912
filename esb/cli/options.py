"""Options that many commands share, described once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from esb.settings import Settings, read_settings

ProjectDir = Annotated[Path, typer.Option("-C", help="The project's folder.", show_default="here")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ChannelUrl = Annotated[str, typer.Option("--channel", help="amqp://… ; default: the embedded channel.")]
StoreUrl = Annotated[
    str, typer.Option("--store", help="postgresql://… or sqlite:PATH ; default: SQLite in the project.")
]


def settings_of(project: Path, channel: str = "", store: str = "", **flags: object) -> Settings:
    """Return the settings of a command: its flags, then the environment, then esb.yaml."""
    from esb.app import written_settings

    given = {"project": project, "channel": channel, "store": store, **flags}
    return read_settings(given, os.environ, written_settings(project))
