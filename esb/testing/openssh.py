"""An OpenSSH server of our own for tests: a free port, own keys, a temporary folder; killed and frozen at will.

with OpenSsh() as server:
    (server.folder / "in").mkdir()
    spec = SftpEndpoint.model_validate(server.endpoint("in"))
    source = spec.source("inbox", TestWorld(tmp_path, server.secrets))
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from esb.errors import EsbError
from esb.testing.private_server import PrivateServer, free_port, listens, start_bounded

START_SECONDS = 20.0
STOP_SECONDS = 10.0

CLIENT_KEY = "secret://file/client_key"

_PLACES = "/usr/sbin:/usr/local/sbin:/usr/local/opt/openssh/sbin:/opt/homebrew/sbin:/usr/bin"
_SEPARATION = Path("/run/sshd")
"""Where sshd started by root wants an empty folder; its path is compiled in."""
_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
{host_keys}
PidFile none
AuthorizedKeysFile "{home}/authorized_keys"
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding no
X11Forwarding no
PrintMotd no
MaxStartups 200
LogLevel ERROR
Subsystem sftp internal-sftp -d {folder}
ForceCommand internal-sftp -d {folder}
"""


class OpenSshError(EsbError):
    """The server or a tool is not installed, or does not start."""


class OpenSsh(PrivateServer):
    """One sshd that offers SFTP only. Port, keys and `folder` stay the same over kill and restart, until `stop`.

    `host_keys`: the types it shows, in the order in which its own configuration lists them.
    """

    def __init__(self, host_keys: Sequence[str] = ("ed25519",)) -> None:
        self._server = installed("sshd")
        self._home = Path(tempfile.mkdtemp(prefix="esb-sshd-"))
        self._home.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.user = getpass.getuser()
        self.folder = self._home / "files"
        self.folder.mkdir()
        self.client_key = self._home / "client_key"
        self.host_keys = {kind: self._home / f"host_{kind}" for kind in host_keys}

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the first host key, as people write it: `SHA256:…`."""
        return fingerprint(next(iter(self.host_keys.values())))

    @property
    def secrets(self) -> dict[str, str]:
        """What the references of `endpoint` stand for."""
        return {CLIENT_KEY: self.client_key.read_text()}

    def endpoint(self, directory: str, **options: Any) -> dict[str, Any]:
        """Return an `endpoints/*.yaml` that reaches a directory below `folder`, as a mapping."""
        return {
            "type": "sftp",
            "host": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "auth": {"key": CLIENT_KEY},
            "host_key": self.fingerprint,
            "directory": directory,
            **options,
        }

    def authorize(self, *keys: Path) -> None:
        """Let in who has one of these private keys, and nobody else."""
        lines = [key.with_name(f"{key.name}.pub").read_text() for key in keys]
        (self._home / "authorized_keys").write_text("".join(lines))

    def start(self) -> None:
        """Start the server and return when it greets.

        Raises:
            OpenSshError: It ended, or is not ready in time; quotes its output.
        """
        if os.geteuid() == 0:
            _SEPARATION.mkdir(mode=0o755, exist_ok=True)
        self._prepare()
        output = self._home / "output"
        self._process = start_bounded([self._server, "-D", "-e", "-f", str(self._home / "config")], output)
        until = time.monotonic() + START_SECONDS
        while not _greets(self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise OpenSshError(f"sshd did not start; its last output:\n{output.read_text('utf-8', 'replace')}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it as a crash does (SIGKILL), with every connection; the files stay."""
        self.send_signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
            until = time.monotonic() + STOP_SECONDS
            while listens(self.port) and time.monotonic() < until:  # it dies after the process that bounds its life
                time.sleep(0.005)
        self._process = None

    def stop(self) -> None:
        """End it and delete its files."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _prepare(self) -> None:
        """Make the keys and write the configuration, once."""
        if (self._home / "config").exists():
            return
        for kind, path in (("ed25519", self.client_key), *self.host_keys.items()):
            make_key(path, kind)
        self.authorize(self.client_key)
        host_keys = "\n".join(f'HostKey "{path}"' for path in self.host_keys.values())
        text = _CONFIG.format(port=self.port, host_keys=host_keys, home=self._home, folder=self.folder)
        (self._home / "config").write_text(text)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the server and all that descends from it: each connection is a process in a session of its own."""
        if self._process is not None and self._process.poll() is None:
            for pid in _family(self._process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)


def installed(tool: str) -> str:
    """Return the path of an OpenSSH tool (`sshd`, `sftp`, `ssh-keygen`). Raises OpenSshError saying what to install."""
    found = shutil.which(tool) or shutil.which(tool, path=_PLACES)
    if found is None:
        package = "openssh-server" if tool == "sshd" else "openssh-client"
        raise OpenSshError(f"{tool} is not installed; on Debian: apt-get install --no-install-recommends {package}")
    return found


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> None:
    """Make a key pair: the private key at `path`, the public one beside it with `.pub`."""
    # OpenSSH's own format is encrypted with bcrypt, which not every reader has.
    options = [*(["-b", "2048"] if kind == "rsa" else []), *(["-m", "PEM"] if passphrase else [])]
    command = [installed("ssh-keygen"), "-q", "-t", kind, *options, "-N", passphrase, "-C", "esb", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)  # noqa: S603


def fingerprint(key: Path) -> str:
    """Return what `ssh-keygen` says is the fingerprint of a key: `SHA256:…`."""
    command = [installed("ssh-keygen"), "-l", "-E", "sha256", "-f", str(key)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)  # noqa: S603
    return done.stdout.split()[1]


def _family(pid: int) -> list[int]:
    """Return a process and all its descendants, parents first."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    children: dict[int, list[int]] = {}
    for line in listing.stdout.splitlines():
        one, parent = map(int, line.split())
        children.setdefault(parent, []).append(one)
    found = [pid]
    for one in found:
        found.extend(children.get(one, ()))
    return found


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as one:
            one.settimeout(5)
            return one.recv(4) == b"SSH-"
    except OSError:
        return False
