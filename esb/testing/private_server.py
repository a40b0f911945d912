"""What the servers of tests share: a port of their own, an end of their own, and being killed or frozen at will."""

from __future__ import annotations

import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

LIFETIME = 7200
"""Seconds after which a server ends by itself: tests that were killed cannot stop theirs."""


class PrivateServer(ABC):
    """A server as a context manager. Address and data stay the same over kill and restart, until `stop`."""

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    @abstractmethod
    def start(self) -> None:
        """Start it and return when it answers."""

    @abstractmethod
    def kill(self) -> None:
        """Kill it as a crash does (SIGKILL), with every connection; its data stays."""

    @abstractmethod
    def stop(self) -> None:
        """End it and delete its data."""

    @abstractmethod
    def send_signal(self, number: signal.Signals) -> None:
        """Signal all its processes, if it runs."""

    def restart(self) -> None:
        """Start it again, in the same place with the same data."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop its clock (SIGSTOP): connections stay open, new ones are accepted, and nothing answers."""
        self.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.send_signal(signal.SIGCONT)


def start_bounded(
    command: Sequence[str], output: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that ends after `LIFETIME`; what it says is added to a file.

    It leads a session of its own: a signal to the tests must not reach it before `stop` does.
    """
    with output.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - the program that the caller has found
            ["timeout", "--signal=KILL", str(LIFETIME), *command],  # noqa: S607
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that were free a moment ago, each another one."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def free_port() -> int:
    """Return a port of the loopback that nobody listens on right now."""
    return free_ports(1)[0]


def listens(port: int) -> bool:
    """Return whether somebody takes connections at a port of the loopback."""
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0
