"""Process settings: read once, from flags, then the environment (ESB_…), then esb.yaml, then the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from esb.errors import UsageError

ROLES = ("intake", "router", "delivery", "recorder")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process needs to know before it reads a definition.

    `endpoints`: which ones this process serves, as globs (`erp-*`, and `!erp-*` for all but these); empty = all.
    `claim`: bodies of more bytes wait in the store. `history`: seconds that finished messages stay in the store.
    `channel` and `store` empty = the embedded ones in `state`; `listen` = host:port of the one HTTP listener.
    """

    project: Path = Path()
    channel: str = ""
    store: str = ""
    state: Path = Path("var")
    listen: str = "127.0.0.1:8080"
    roles: tuple[str, ...] = ROLES
    endpoints: tuple[str, ...] = ()
    workers: int = 1
    prefetch: int = 200
    drain: float = 20.0
    history: float = 90 * 86400.0
    claim: int = 256 * 1024
    log_level: str = "info"
    log_format: str = "auto"
    log_file: str = ""
    log_size: int = 50_000_000
    log_keep: int = 5

    @property
    def state_dir(self) -> Path:
        """Return where this process keeps its files: below the project unless it is absolute."""
        return self.project / self.state

    @property
    def channel_url(self) -> str:
        """Return the channel to open."""
        return self.channel or f"embedded:{self.state_dir / 'channel.db'}"

    @property
    def store_url(self) -> str:
        """Return the store to open."""
        return self.store or f"sqlite:{self.state_dir / 'store.db'}"

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port of the listener.

        Raises:
            UsageError: It is not written `host:port`.
        """
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise UsageError(f"listen: {self.listen!r} is not host:port; write for example 127.0.0.1:8080")
        return host.strip("[]"), int(port)


_KINDS = {
    "project": Path,
    "state": Path,
    "workers": int,
    "prefetch": int,
    "drain": float,
    "history": float,
    "claim": int,
    "log_size": int,
    "log_keep": int,
}


def read_settings(flags: Mapping[str, Any], environment: Mapping[str, Any], written: Mapping[str, Any]) -> Settings:
    """Return the settings; an empty flag counts as not given.

    Raises:
        UsageError: A value cannot be read; says which and where it came from.
    """
    found: dict[str, Any] = {}
    for field in fields(Settings):
        name = field.name
        for source, value in (
            ("flag", flags.get(name)),
            (f"ESB_{name.upper()}", environment.get(f"ESB_{name.upper()}")),
            ("esb.yaml settings", written.get(name)),
        ):
            if value not in (None, "", ()):
                found[name] = _read(name, value, source)
                break
    return replace(Settings(), **found)


def _read(name: str, value: Any, source: str) -> Any:
    if name == "endpoints":
        return tuple(value.split(",")) if isinstance(value, str) else tuple(value)
    if name == "roles":
        roles = tuple(value.split(",")) if isinstance(value, str) else tuple(value)
        unknown = [role for role in roles if role not in ROLES]
        if unknown:
            raise UsageError(f"{source}: {unknown[0]!r} is not a role; the roles are {', '.join(ROLES)}")
        return roles
    try:
        return _KINDS.get(name, str)(value)
    except ValueError as error:
        raise UsageError(f"{source}: {name} cannot be {value!r}") from error
