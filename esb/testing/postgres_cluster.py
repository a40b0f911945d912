"""A private PostgreSQL cluster for tests: a temporary folder, a free port on the loopback, gone afterwards."""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from esb.testing.private_server import free_port

_PLACES = "/usr/lib/postgresql/*/bin"
_START_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1


class PostgresCluster:
    """A context manager; inside it `url` is the URL of an empty database.

    `durable=False` switches fsync off: faster, and good enough where nothing is about a crash of the machine.

    Raises:
        RuntimeError: PostgreSQL is not installed or does not start; says what to do, with the end of its log.
    """

    def __init__(self, durable: bool = True) -> None:
        self._bin = _programs()
        self._durable = durable
        self._password = secrets.token_hex(16)
        self._folder = Path()
        self._port = 0
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the cluster's first database."""
        return self._url("postgres")

    def __enter__(self) -> PostgresCluster:
        self._folder = Path(tempfile.mkdtemp(prefix="esb-postgres-", dir="/tmp"))
        try:
            self._make()
            self.restart()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def create(self, name: str) -> str:
        """Make another empty database and return its URL."""
        environment = {**os.environ, "PGPASSWORD": self._password}
        where = ["-h", "127.0.0.1", "-p", str(self._port), "-U", "esb", name]
        _run([self._bin / "createdb", *where], env=environment)
        return self._url(name)

    def kill(self) -> None:
        """End the server at once, as a power cut of its process would (SIGKILL)."""
        assert self._server is not None, "the cluster is not running"
        self._server.kill()
        self._server.wait()
        self._server = None

    def restart(self) -> None:
        """Start the server (after `kill`: again, with its data) and return when it takes connections."""
        assert self._server is None, "the cluster is running"
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self._server = self._start()
            if self._up(deadline):
                return
            self._server.wait()  # after a kill, the memory of the last server may not be free yet
            self._server = None
            time.sleep(0.05)
        log = (self._folder / "log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"PostgreSQL did not start within {_START_SECONDS:.0f} s; its log ends:\n{log}")

    def _url(self, database: str) -> str:
        return f"postgresql://esb:{self._password}@127.0.0.1:{self._port}/{database}"

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password)
        _give(self._folder)
        _give(secret)
        options = ["-U", "esb", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"]
        _run([self._bin / "initdb", "-D", self._data, *options], **_identity(), cwd=self._folder)
        self._port = free_port()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _start(self) -> subprocess.Popen[bytes]:
        settings = [
            "listen_addresses=127.0.0.1",
            f"port={self._port}",
            "unix_socket_directories=",
            "max_connections=100",
            f"fsync={'on' if self._durable else 'off'}",
        ]
        options = [word for setting in settings for word in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the programs found above
                [self._bin / "postgres", "-D", self._data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                preexec_fn=_end_with_us,  # noqa: PLW1509 - one system call, no lock
                **_identity(),
            )

    def _up(self, deadline: float) -> bool:
        assert self._server is not None
        ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        while self._server.poll() is None:
            if subprocess.run(ready, check=False).returncode == 0:  # noqa: S603
                return True
            if time.monotonic() > deadline:
                self._server.kill()
            time.sleep(0.02)
        return False

    def _remove(self) -> None:
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)  # immediate shutdown: the folder goes anyway
            try:
                self._server.wait(10)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            self._server = None
        shutil.rmtree(self._folder, ignore_errors=True)


def installed() -> bool:
    """Return whether PostgreSQL's server programs are here."""
    return any(Path("/").glob(f"{_PLACES[1:]}/postgres"))


def _programs() -> Path:
    found = sorted(Path("/").glob(f"{_PLACES[1:]}/postgres"), key=lambda path: int(path.parts[-3].partition(".")[0]))
    if not found:
        raise RuntimeError(f"PostgreSQL is not installed ({_PLACES}); on Debian: apt-get install postgresql")
    return found[-1].parent


def _identity() -> dict[str, Any]:
    """Return how to start a program of PostgreSQL, which refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        raise RuntimeError("PostgreSQL refuses to run as root and there is no user postgres; make one") from None
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _give(path: Path) -> None:
    identity = _identity()
    if identity:
        os.chown(path, identity["user"], identity["group"])
    path.chmod(0o700 if path.is_dir() else 0o600)


def _end_with_us() -> None:
    """Ask the kernel to end the server when the test process dies, however it dies (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _run(command: list[Any], **options: Any) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-1000:]}")
