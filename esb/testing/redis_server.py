"""A private Redis for tests: a free port on the loopback, no file, gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from esb.testing.private_server import PrivateServer, free_port, listens, start_bounded

_START_SECONDS = 10.0
_STOP_SECONDS = 10.0


class RedisServer(PrivateServer):
    """A context manager; inside it `url` is the URL of an empty database.

    Raises:
        RuntimeError: Redis is not installed or does not start.
    """

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError("redis-server is not installed; on Debian: apt-get install redis-server")
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._home = Path(tempfile.mkdtemp(prefix="esb-redis-"))

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, and return when it takes connections."""
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._home)]
        self._process = start_bounded([self._program, *settings], self._home / "output")
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError("redis-server did not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it as a crash does (SIGKILL); what it held is gone."""
        self.send_signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_STOP_SECONDS)
            until = time.monotonic() + _STOP_SECONDS
            while listens(self.port) and time.monotonic() < until:  # it dies after the process that bounds its life
                time.sleep(0.005)
        self._process = None

    def stop(self) -> None:
        """End it."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the server, if it runs."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as one:
                one.sendall(b"PING\r\n")
                return one.recv(5) == b"+PONG"
        except OSError:
            return False
