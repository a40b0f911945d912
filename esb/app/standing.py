"""Standing: how endpoints stand beyond what is defined: disabled by their receiver, refused items, open breakers."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from esb.settings import Settings

_PATIENCE = 1.0
"""Seconds that a process may take to tell its metrics."""
_MOST = 10_000_000
_OPEN = re.compile(r'^esb_endpoint_open\{endpoint="([^"\\]+)"\} ([01])(?:\.0)?$', re.MULTILINE)
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a listener for everybody is reached from here


def disabled(state: Path) -> Mapping[str, str]:
    """Return the endpoints to which nothing is sent since their receiver said so (410), each with what it said."""
    found = {}
    for path in sorted((state / "disabled").glob("*")):
        with suppress(FileNotFoundError, IsADirectoryError):  # it may be enabled while we look
            found[path.name] = path.read_text("utf-8", "replace").strip()[:300]
    return found


def enable(state: Path, name: str) -> bool:
    """Let an endpoint be sent to again; return whether it was disabled."""
    try:
        (state / "disabled" / name).unlink()
    except FileNotFoundError:
        return False
    return True


def refused(state: Path) -> Mapping[str, int]:
    """Return how many items of each endpoint were put aside because they could never be taken."""
    counts = {
        folder.name: sum(path.is_file() and not path.name.endswith(".error.txt") for path in folder.iterdir())
        for folder in sorted((state / "refused").glob("*"))
        if folder.is_dir()
    }
    return {name: count for name, count in counts.items() if count}


def breakers(settings: Settings) -> Mapping[str, bool]:
    """Return whether the circuit breaker of an endpoint is open, as the process at the `listen` address tells it.

    What is not there is not known: no process listens here, or another one delivers to that endpoint.
    """
    host, port = settings.address
    connection = http.client.HTTPConnection(_LOOPBACK.get(host, host), port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read(_MOST).decode("utf-8", "replace") if answer.status == http.client.OK else ""
    except (OSError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
    return {name: value == "1" for name, value in _OPEN.findall(text)}
