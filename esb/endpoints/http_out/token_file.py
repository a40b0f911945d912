"""Token file: what lets the workers of one machine share a token, so that not each of them has one fetched.

It stands in the state folder and is readable by nobody else; a token lives shortly, the secret behind it is never here.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from esb.ports import Clock

_WAIT = 0.05
_PATIENCE = 60.0
"""Seconds after which a worker that fetches is no longer waited for."""


class Token(NamedTuple):
    """A token, when it was given out, and until when it is used (POSIX times)."""

    text: str = ""
    since: float = 0.0
    until: float = 0.0


class TokenFile:
    """The token of one endpoint. `asked` names what was asked for and as whom: another secret is another token.

    A folder that cannot be written to costs the sharing, nothing else.
    """

    def __init__(self, state: Path, name: str, asked: Callable[[], str]) -> None:
        self._folder = state / "tokens"
        self._file = self._folder / f"{name}.json"
        self._asked = asked

    @asynccontextmanager
    async def turn(self, clock: Clock) -> AsyncIterator[None]:
        """Wait until no other worker of this machine is fetching."""
        lock = self._opened()
        try:
            end = clock.now() + _PATIENCE
            while lock is not None and not _locked(lock) and clock.now() < end:
                await clock.sleep(_WAIT)
            yield
        finally:
            if lock is not None:
                os.close(lock)

    def read(self) -> Token:
        """Return the token that a worker left; an empty one if there is none for us."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads(self._file.read_bytes())
            if kept["asked"] == self._asked():
                return Token(str(kept["token"]), float(kept["since"]), float(kept["until"]))
        return Token()

    def write(self, token: Token) -> None:
        """Leave a token for the others."""
        kept = {"asked": self._asked(), "token": token.text, "since": token.since, "until": token.until}
        aside = self._file.with_suffix(f".{os.getpid()}.tmp")
        with suppress(OSError):
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(json.dumps(kept).encode())
            aside.replace(self._file)

    def _opened(self) -> int | None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return None


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
