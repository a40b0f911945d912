"""Options that many commands share, described once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import PydanticCustomError

from esb.errors import UsageError
from esb.settings import Settings, read_settings
from esb.specs.units import read_duration, read_size

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
    return read_settings(given, typed(os.environ), written_settings(project))


def typed(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the environment with durations and sizes read by their units, as in esb.yaml; bare numbers stay.

    Raises:
        UsageError: A value has no such unit; says which variable.
    """
    found: dict[str, Any] = dict(environment)
    for name, read in _UNITS.items():
        value = environment.get(name, "")
        if value and not _BARE.fullmatch(value):
            try:
                found[name] = read(value)
            except PydanticCustomError as error:
                raise UsageError(f"{name}: {error}; {(error.context or {})['help']}") from error
    return found


_BARE = re.compile(r"\d+(\.\d+)?")
_UNITS = {"ESB_DRAIN": read_duration, "ESB_HISTORY": read_duration, "ESB_LOG_SIZE": read_size, "ESB_CLAIM": read_size}
