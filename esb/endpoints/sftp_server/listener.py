"""The listener: lets partners in by their keys, each into a drop box of their own, and polls the boxes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import asyncssh
from msgspec.structs import replace

from esb.edge import Accepted, Receipt
from esb.endpoints.polling.engine import Poller
from esb.endpoints.polling.names import shown
from esb.endpoints.sftp_server.conversation import Session
from esb.endpoints.sftp_server.drop_box import DropBox
from esb.errors import DefinitionError, EndpointError
from esb.ports import Intake
from esb.specs import Secret, World

_KEEPALIVE, _LOGIN, _GREETING = 30.0, 20.0, 3.0
_MOST_SESSIONS = 10
"""Sessions that one connection may have open at once."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class User:
    """Who may come in: keys that are believed, the box that is theirs, and who takes what is in it."""

    name: str
    partner: str
    keys: Sequence[asyncssh.SSHKey]
    box: DropBox
    poller: Poller


@dataclass(frozen=True, slots=True)
class Listening:
    """Where we listen and as whom. `most`: connections at once; `each`: connections of one user."""

    endpoint: str
    address: str
    port: int
    host_key: Secret
    most: int
    each: int


class SftpListener:
    """The intake side of an sftp_server endpoint (a Source)."""

    def __init__(self, listening: Listening, users: Mapping[str, User], world: World) -> None:
        self._listening = listening
        self._users = users
        self._world = world
        self._open: Counter[str] = Counter()
        self.port = 0

    async def run(self, intake: Intake, once: bool) -> None:
        """Listen and take until cancelled; with `once` nobody is let in, and what is complete is taken.

        Raises:
            DefinitionError: The host key cannot be used.
            EsbError: Only with `once`: the bus stayed out of reach; files stay where they are.
        """
        for user in self._users.values():
            await asyncio.to_thread(user.box.prepare)
        pollers = [user.poller.run(_FromUser(intake, user), once) for user in self._users.values()]
        if once:
            for error in await asyncio.gather(*pollers, return_exceptions=True):
                if isinstance(error, BaseException):
                    raise error
            return
        async with asyncio.TaskGroup() as group:
            for poller in pollers:
                group.create_task(poller)
            await self._listen()

    async def check(self) -> str:
        """Read the host key, and look whether the port is ours or free. Raises EndpointError if it cannot be used."""
        at = self._listening
        key = host_key(self._world, at.host_key)
        who = f"for {len(self._users)} user{'' if len(self._users) == 1 else 's'}, key {key.get_fingerprint('sha256')}"
        try:
            listener = await self._bind(key)
        except OSError as error:
            host = "127.0.0.1" if at.address == "0.0.0.0" else at.address  # noqa: S104 - it is compared, not bound
            if await _greets(host, at.port):
                return f"a server of ours listens on port {at.port} {who}"
            text = error.strerror or str(error)
            raise EndpointError(f"cannot listen on {at.address}:{at.port}: {text}; choose another port") from error
        listener.close()
        await listener.wait_closed()
        return f"port {at.port} is free to listen on, {who}"

    async def _listen(self) -> None:
        """Serve until cancelled; a port that is taken is waited for."""
        at, pause = self._listening, _FIRST_PAUSE
        key = host_key(self._world, at.host_key)
        while True:
            try:
                listener = await self._bind(key)
            except OSError as error:
                self._world.log.warning(
                    "sftp_server.postponed", endpoint=at.endpoint, port=at.port, reason=error.strerror or str(error)
                )
                await self._world.clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            break
        self.port = listener.get_port()
        self._world.log.info(
            "sftp_server.listening", endpoint=at.endpoint, port=self.port, fingerprint=key.get_fingerprint("sha256")
        )
        try:
            await asyncio.Event().wait()
        finally:
            listener.close()
            await listener.wait_closed()

    async def _bind(self, key: asyncssh.SSHKey) -> asyncssh.SSHAcceptor:
        at = self._listening
        return await asyncssh.listen(
            at.address,
            at.port,
            config=None,
            server_factory=lambda: _Door(self),
            server_host_keys=[key],
            public_key_auth=True,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            gss_auth=False,
            gss_kex=False,
            agent_forwarding=False,
            x11_forwarding=False,
            allow_pty=False,
            x509_trusted_certs=None,
            encoding=None,
            login_timeout=_LOGIN,
            keepalive_interval=_KEEPALIVE,
            server_version="esb",
        )

    def believes(self, name: str, key: asyncssh.SSHKey) -> bool:
        """Return whether this key proves this user."""
        user = self._users.get(name)
        believed = user is not None and key in user.keys
        if not believed:
            self._world.log.warning(
                "sftp_server.refused", endpoint=self._listening.endpoint, user=shown(name), key=key.get_fingerprint()
            )
        return believed

    def enter(self, name: str) -> bool:
        """Count a connection (under the empty name before it is known whose it is); False if there are too many."""
        at = self._listening
        if self._open[name] >= (at.each if name else at.most):
            self._world.log.warning("sftp_server.crowded", endpoint=at.endpoint, user=shown(name))
            return False
        self._open[name] += 1
        return True

    def leave(self, name: str) -> None:
        """Count a connection that ended."""
        self._open[name] -= 1

    def session(self, name: str, ended: Callable[[], None]) -> Session:
        """Return what a user who was let in talks to; it calls `ended` at its end."""
        tell = partial(self._world.log.info, endpoint=self._listening.endpoint, user=name)
        return Session(self._users[name].box, tell, ended)


async def _greets(host: str, port: int) -> bool:
    """Return whether an SSH server of ours answers there."""
    try:
        async with asyncio.timeout(_GREETING):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                return (await reader.readline()).startswith(b"SSH-2.0-esb")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


class _Door(asyncssh.SSHServer):
    """One connection: who knocks, and what is open to them: their box by SFTP, and nothing else."""

    def __init__(self, listener: SftpListener) -> None:
        self._listener = listener
        self._name = ""
        self._counted: list[str] = []
        self._sessions = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if not self._enter(""):
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        for name in self._counted:
            self._listener.leave(name)

    def begin_auth(self, username: str) -> bool:
        """Let nobody in without a proof; an unknown name is treated as any other."""
        self._name = username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._listener.believes(username, key)

    def session_requested(self) -> Session | bool:
        known = self._name in self._counted or self._enter(self._name)
        if not known or self._sessions >= _MOST_SESSIONS:
            return False
        self._sessions += 1
        return self._listener.session(self._name, self._session_ended)

    def _session_ended(self) -> None:
        self._sessions -= 1

    def _enter(self, name: str) -> bool:
        entered = self._listener.enter(name)
        self._counted += [name] if entered else []
        return entered


class _FromUser:
    """An intake that knows whose box a file comes from: two users may send files of one name, size and content."""

    def __init__(self, intake: Intake, user: User) -> None:
        self._intake = intake
        self._user = user

    async def take(self, receipt: Receipt) -> Accepted:
        user = self._user
        return await self._intake.take(
            replace(
                receipt,
                key=f"{user.name}/{receipt.key}",
                name=f"{user.name}/{receipt.name}",
                partner=user.partner,
                headers={**receipt.headers, "sftp-user": user.name},
            )
        )


def host_key(world: World, reference: Secret) -> asyncssh.SSHKey:
    """Return our host key. Raises DefinitionError naming the reference and how a key is made."""
    try:
        return asyncssh.import_private_key(world.secret(reference))
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise DefinitionError(
            f"{reference!r} is no private key that can be used ({error}); make one: ssh-keygen -t ed25519 -N '' -f FILE"
        ) from error
