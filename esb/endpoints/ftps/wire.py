"""The FTPS client on the wire: ftplib, with what servers ask for that it lacks.

Many servers take a data connection only if it resumes the TLS session of the control connection (so that nobody else
can take it over); ftplib does not do that by itself. Names cross the wire as bytes: what is not UTF-8 stays as it came.
"""

from __future__ import annotations

import ftplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Server:
    """Where to sign in. `name`: whom its certificate must name. `timeout` in seconds, for each answer."""

    host: str
    port: int
    user: str
    implicit: bool
    name: str
    timeout: float

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.user}@{self.host}:{self.port}"


class Wire(ftplib.FTP_TLS):
    """One control connection, and one data connection at a time."""

    encoding = "latin-1"  # bytes as they are; see `named` and `spelled`
    file: TextIO | None

    def __init__(self, server: Server, context: ssl.SSLContext) -> None:
        super().__init__(context=context, timeout=server.timeout, encoding="latin-1")
        self._server = server
        self._data: socket.socket | None = None

    def sign_in(self, password: str) -> None:
        """Connect, prove who we are, and protect the data connections as well."""
        server = self._server
        self.host, self.port = server.host, server.port
        sock = socket.create_connection((server.host, server.port), server.timeout)
        self.sock, self.af = (self._wrapped(sock) if server.implicit else sock), sock.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        if not server.implicit:
            self.voidcmd("AUTH TLS")
            self.sock = self._wrapped(sock)
            self.file = self.sock.makefile("r", encoding=self.encoding)
        self.login(server.user, password, secure=False)
        self.prot_p()
        self.voidcmd("TYPE I")
        with suppress(ftplib.error_perm):
            self.sendcmd("OPTS UTF8 ON")

    def _wrapped(self, sock: socket.socket, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        try:
            return self.context.wrap_socket(sock, server_hostname=self._server.name, session=session)
        except (OSError, ValueError):
            sock.close()
            raise

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """Open a data connection that resumes the session of the control connection."""
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        self._data = self._wrapped(conn, session)
        return self._data, size

    def begin(self, command: str, offset: int = 0) -> socket.socket:
        """Start a transfer; end it with `finish`."""
        return self.transfercmd(command, offset or None)

    def finish(self, conn: socket.socket, complete: bool) -> None:
        """Close a data connection. Raises ftplib.Error if the server says that a complete transfer failed."""
        try:
            if complete and isinstance(conn, ssl.SSLSocket):
                with suppress(OSError):  # some servers close without a goodbye; what they answer then counts
                    conn.unwrap()
        finally:
            self._data = None
            conn.close()
        try:
            self.voidresp()
        except (ftplib.error_temp, ftplib.error_perm):
            if complete:
                raise

    def hang_up(self) -> None:
        """Cut all connections at once, from any thread: whoever waits on them gets an error."""
        for sock in (self._data, self.sock):
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def facts(self, line: str) -> tuple[str, dict[str, str]]:
        """Return the name and the facts of a line of MLST or MLSD (RFC 3659, 7.2)."""
        given, _, name = line.strip("\r\n").lstrip(" ").partition(" ")
        pairs = (fact.partition("=") for fact in given.rstrip(";").split(";"))
        return named(name), {key.lower(): value.lower() for key, _, value in pairs}


def named(wire: str) -> str:
    """Return a name from the wire; bytes that are not UTF-8 become surrogates."""
    return wire.encode("latin-1").decode("utf-8", "surrogateescape")


def spelled(path: str) -> str:
    """Return a path for the wire. Raises ValueError if it would end the command."""
    if "\r" in path or "\n" in path or "\0" in path:
        raise ValueError("a path cannot hold a line break")
    return path.encode("utf-8", "surrogateescape").decode("latin-1")
