"""A RabbitMQ node of our own for tests: private ports, cookie and data; started, killed, frozen and stopped at will.

with RabbitNode() as node:
    channel = RabbitChannel(node.url)
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from esb.errors import EsbError
from esb.testing.private_server import PrivateServer, free_ports, start_bounded

START_SECONDS = 120.0
STOP_SECONDS = 30.0

_PLACES = ("/usr/lib/rabbitmq/lib", "/usr/local/lib/rabbitmq/lib", "/opt/rabbitmq", "/usr/local/opt", "/usr/local")
_CONFIG = "loopback_users.guest = true\nlog.file.level = warning\ndisk_free_limit.absolute = 50MB\n"
# Two busy-waiting schedulers would take the machine away from the tests.
_ERLANG = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"


class NodeError(EsbError):
    """The node is not installed or does not start."""


class RabbitNode(PrivateServer):
    """One node. `url` stays the same over kill and restart, and so does the data, until `stop`."""

    def __init__(self) -> None:
        self._server = _installed()
        self._home = Path(tempfile.mkdtemp(prefix="esb-rabbit-"))
        self.port, self._distribution_port, self._epmd_port = free_ports(3)
        self._name = f"esb{self.port}@localhost"
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2f"

    @property
    def pid(self) -> int:
        """The process id of the running node."""
        assert self._process is not None, "the node is not running"
        return self._process.pid

    def start(self) -> None:
        """Start the node and return when it accepts AMQP.

        Raises:
            NodeError: It ended, or is not ready in time; says where its output is.
        """
        self._prepare()
        command = [str(self._server / "sbin" / "rabbitmq-server")]
        self._process = start_bounded(command, self._home / "output", self._environment())
        until = time.monotonic() + START_SECONDS
        while not _speaks_amqp(self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                tail = (self._home / "output").read_text("utf-8", "replace")[-2000:]
                self.kill()
                raise NodeError(f"RabbitMQ did not start within {START_SECONDS:g} seconds; its last output:\n{tail}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it as a crash does (SIGKILL), with all its processes; the data stays."""
        self.send_signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
        self._process = None

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl and return its output."""
        done = subprocess.run(  # noqa: S603
            [str(self._server / "sbin" / "rabbitmqctl"), "-n", self._name, "--quiet", *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise NodeError(f"rabbitmqctl {arguments[0]} failed: {done.stderr or done.stdout}")
        return done.stdout

    def stop(self) -> None:
        """End it and delete its data. What tests did with the node needs no orderly shutdown."""
        self.kill()
        if self._epmd is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._epmd.pid, signal.SIGKILL)
            self._epmd.wait(STOP_SECONDS)
            self._epmd = None
        shutil.rmtree(self._home, ignore_errors=True)

    def _prepare(self) -> None:
        cookie = self._home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(10))
            cookie.chmod(0o400)
            (self._home / "enabled_plugins").write_text("[].\n")
            (self._home / "rabbitmq.conf").write_text(_CONFIG)
        if self._epmd is None:
            epmd = shutil.which("epmd")
            if epmd is None:
                raise NodeError("epmd is not installed; install erlang-base (Debian: apt-get install rabbitmq-server)")
            # Started by us and not by the node: else it would outlive everything.
            command = [epmd, "-address", "127.0.0.1", "-port", str(self._epmd_port)]
            self._epmd = start_bounded(command, self._home / "epmd", self._environment())

    def _environment(self) -> dict[str, str]:
        home = str(self._home)
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": home,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_PID_FILE": f"{home}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
            "RABBITMQ_CTL_ERL_ARGS": _ERLANG,
        }

    def send_signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def _installed() -> Path:
    """Return the folder of the newest server that is installed."""
    found = [folder for place in _PLACES for folder in Path(place).glob("rabbitmq_server-*") if folder.is_dir()]
    if not found:
        raise NodeError(
            "RabbitMQ is not installed: no rabbitmq_server-* under "
            f"{', '.join(_PLACES)}; on Debian: apt-get install --no-install-recommends rabbitmq-server"
        )
    return max(found, key=lambda folder: [int(part) for part in folder.name.split("-")[1].split(".") if part.isdigit()])


def _speaks_amqp(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as one:
            one.settimeout(5)
            one.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(one.recv(1))
    except OSError:
        return False
