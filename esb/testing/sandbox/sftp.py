"""A partner's SFTP server on the loopback: one folder, one key that lets in, one host key to pin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncssh

LINES = {
    "host": "sftp.acme.example",
    "port": "22",
    "user": "distributor",
    "host_key": "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDKa5N5qPlZrAXrCk8",
    "lease": "30s",
}
"""What the project's endpoints say of the real partner, by key."""


class PartnerSftp:
    """The server, in this process. `key` is the private key that lets in; `folder` is all that it shows."""

    user = "distributor"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        client = asyncssh.generate_private_key("ssh-ed25519")
        self.key = client.export_private_key().decode()
        self._known = asyncssh.import_authorized_keys(client.export_public_key().decode())
        self._server: Any = None
        self.port = 0

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the host key, as people write it."""
        return self._host_key.get_fingerprint("sha256")

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        if self._server is None:
            self._server = await asyncssh.listen(
                "127.0.0.1",
                self.port,
                server_host_keys=[self._host_key],
                authorized_client_keys=self._known,
                sftp_factory=self._session,
                allow_scp=False,
            )
            self.port = self._server.get_port()

    async def stop(self) -> None:
        """End every connection and stop listening."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    def lines(self) -> Mapping[str, str]:
        """Return what an endpoint must say to reach this server, by key."""
        return lines_for(self.port, self.user, self.fingerprint)

    def _session(self, channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(self.folder.resolve()).encode())


def lines_for(port: int, user: str, fingerprint: str) -> Mapping[str, str]:
    """Return what an endpoint must say to reach a server on the loopback, whose leases end soon, by key."""
    return {"host": "127.0.0.1", "port": str(port), "user": user, "host_key": fingerprint, "lease": "1s"}


def rewired(text: str, lines: Mapping[str, str]) -> str:
    """Return an endpoint's YAML that reaches another server than the one it was written for."""
    for key, value in lines.items():
        text = text.replace(f"{key}: {LINES[key]}\n", f"{key}: {value}\n")
    return text
