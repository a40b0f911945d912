"""Gone: a receiver that answered 410 wants no more of this; nothing is sent there until a person says so.

The mark is a file in the state folder, so that it holds over restarts and everybody can see it: `disabled/NAME`.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from esb.errors import EndpointError
from esb.ports import Log

_AGAIN = 10.0
"""Seconds after which a message that met a disabled endpoint is tried again: by then the endpoint is stopped as by a
pause, so that it waits in the channel with the others and goes on with them."""


class Gone:
    """Whether an endpoint was disabled by its receiver."""

    def __init__(self, state: Path, name: str, log: Log) -> None:
        self.file = state / "disabled" / name
        self._name, self._log = name, log

    def check(self) -> None:
        """Raise EndpointError if the endpoint is disabled; says since when and what to do."""
        if self.file.exists():
            raise self._error()

    def disable(self, reason: str, now: float) -> EndpointError:
        """Disable the endpoint and return the error that says so."""
        at = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
        with contextlib.suppress(FileExistsError):  # somebody else was told the same
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("x", encoding="utf-8") as file:
                file.write(f"{reason} at {at}\n")
            command = f"esb endpoint resume {self._name}"
            self._log.error("endpoint.disabled", endpoint=self._name, reason=reason, resume=command)
        return self._error()

    def _error(self) -> EndpointError:
        said = "it is disabled"
        with contextlib.suppress(OSError):
            said = self.file.read_text("utf-8").strip()
        text = f"{self._name} is disabled: {said}; ask the receiver, then run `esb endpoint resume {self._name}`"
        return EndpointError(text, _AGAIN)
