"""Accounts: who signs in where, and whose host key is believed. The way from there to an open SFTP connection."""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import asyncssh

from esb.endpoints.polling.files import OutOfReachError
from esb.endpoints.polling.names import shown
from esb.endpoints.sftp.session import Session
from esb.endpoints.unreached import unreached
from esb.errors import DefinitionError

FAMILIES = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
"""Host keys that are accepted at all, by kind of key; RSA with SHA-1 and DSA are not."""

_ANY = tuple(algorithm for family in FAMILIES for algorithm in family)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_KEEPALIVE = 15.0
"""Seconds between signs of life; three missing ones end a connection on which nobody waits for an answer."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves who we are; read anew for every connection, so that a new secret needs no restart."""

    password: str | None = None
    key: str | None = None
    passphrase: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A user at a server. `pins`: fingerprints of the host keys that are believed; none = nobody is.

    `timeout` (seconds) is the longest that connecting, or any one call, may take.
    """

    host: str
    port: int
    user: str
    pins: frozenset[str]
    credentials: Callable[[], Credentials]
    timeout: float = 30.0

    def __str__(self) -> str:
        """Return the account as people write it."""
        return f"{self.user}@{self.host}:{self.port}"


class _Doorkeeper(asyncssh.SSHClient):
    """Believes pinned host keys only, and remembers the one that was shown; no file of known hosts is read."""

    def __init__(self, pins: frozenset[str]) -> None:
        self._pins = pins
        self.seen: asyncssh.SSHKey | None = None
        self.on_lost: Callable[[str], None] = lambda reason: None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.seen = key
        return key.get_fingerprint("sha256") in self._pins

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_lost(f"the connection was lost ({shown(str(exc)) if exc else 'the server hung up'})")


class _UnknownKeyError(Exception):
    """The server showed a host key that is not pinned."""


def fingerprint_of(text: str) -> str:
    """Return the fingerprint that a `host_key` stands for: a fingerprint itself, or a whole public key.

    Raises:
        ValueError: It is neither.
    """
    if _FINGERPRINT.fullmatch(text):
        return text.rstrip("=")
    words = text.split()
    if len(words) >= 2 and words[0] in {"ssh-ed25519", "ssh-rsa", *_ANY}:
        try:
            digest = sha256(b64decode(words[1], validate=True)).digest()
        except Base64Error:
            pass
        else:
            return "SHA256:" + b64encode(digest).decode().rstrip("=")
    raise ValueError('write the fingerprint, "SHA256:…", or the public key, "ssh-ed25519 AAAA…"')


async def connect(account: Account) -> Session:
    """Connect and sign in.

    Raises:
        OutOfReachError: The server is out of reach, not the one that is pinned, or did not let us in; says which.
    """
    try:
        async with asyncio.timeout(account.timeout):
            return await _connect_to_pinned(account)
    except TimeoutError:
        raise OutOfReachError(f"{account}: no connection within {account.timeout:g} seconds") from None


async def _connect_to_pinned(account: Account) -> Session:
    """Try the kinds of host keys in turn until one is pinned: a server with several shows the one it is asked for."""
    shown_keys: dict[str, str] = {}
    for algorithms in (_ANY, *FAMILIES):
        if set(algorithms) <= set(shown_keys):
            continue
        doorkeeper = _Doorkeeper(account.pins)
        try:
            return await _connect(account, doorkeeper, algorithms)
        except _UnknownKeyError:
            key = doorkeeper.seen
            assert key is not None
            shown_keys.update(dict.fromkeys(_family(key.get_algorithm()), key.get_fingerprint("sha256")))
            if not account.pins:
                break
        except OutOfReachError:
            # A server that has no key of the kind we ask for just hangs up.
            if doorkeeper.seen is not None or not shown_keys:
                raise
    raise OutOfReachError(_unknown(account, list(dict.fromkeys(shown_keys.values()))))


async def _connect(account: Account, doorkeeper: _Doorkeeper, algorithms: tuple[str, ...]) -> Session:
    try:
        options = _options(account, doorkeeper, algorithms)
        # Said here again: without it, connect() reads ~/.ssh/config whatever the options say.
        connection = await asyncssh.connect(account.host, account.port, config=None, options=options)
        session = Session(connection, account)
        doorkeeper.on_lost = session.end
        try:
            await session.start()
        except BaseException:
            session.end("it was not opened")
            raise
    except asyncssh.HostKeyNotVerifiable as error:
        if doorkeeper.seen is not None and doorkeeper.seen.get_fingerprint("sha256") not in account.pins:
            raise _UnknownKeyError from error
        raise OutOfReachError(f"{account}: the host key cannot be verified: {shown(error.reason)}") from error
    except asyncssh.KeyExchangeFailed as error:
        raise OutOfReachError(f"{account}: no common algorithm: {shown(error.reason)}") from error
    except asyncssh.PermissionDenied as error:
        raise OutOfReachError(f"{account}: not let in with {_proof(account)}; check user, key and password") from error
    except (asyncssh.Error, OSError) as error:
        raise OutOfReachError(f"{account}: {_trouble(error)}") from error
    return session


def _options(
    account: Account, doorkeeper: _Doorkeeper, algorithms: tuple[str, ...]
) -> asyncssh.SSHClientConnectionOptions:
    """Return the options; nothing of the user who runs us (agent, keys, configuration, known hosts) takes part."""
    given = _credentials(account)
    keys = []
    if given.key is not None:
        try:
            keys.append(asyncssh.import_private_key(given.key, given.passphrase))
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            hint = "; install the Python package bcrypt" if "bcrypt" in str(error) else ""
            raise OutOfReachError(f"{account}: the private key cannot be used: {error}{hint}") from error
    return asyncssh.SSHClientConnectionOptions(
        client_factory=lambda: doorkeeper,
        config=None,
        known_hosts=([], [], []),
        x509_trusted_certs=None,
        server_host_key_algs=list(algorithms),
        username=account.user,
        password=given.password,
        client_keys=keys or None,
        public_key_auth=bool(keys),
        password_auth=given.password is not None,
        kbdint_auth=given.password is not None,
        host_based_auth=False,
        gss_auth=False,
        gss_kex=False,
        agent_path=None,
        compression_algs=None,
        keepalive_interval=_KEEPALIVE,
        login_timeout=account.timeout,
    )


def _credentials(account: Account) -> Credentials:
    try:
        return account.credentials()
    except DefinitionError as error:
        raise OutOfReachError(f"{account}: {error}") from error


def _proof(account: Account) -> str:
    given = _credentials(account)
    ways = [way for way, proof in (("its key", given.key), ("its password", given.password)) if proof is not None]
    return " and ".join(ways)


def _family(algorithm: str) -> tuple[str, ...]:
    """Return the algorithms that a server answers with the same key."""
    if algorithm.startswith("ecdsa"):
        return (algorithm,)
    return next((each for each in FAMILIES if algorithm in each or (algorithm, each) == ("ssh-rsa", FAMILIES[2])), ())


def _unknown(account: Account, fingerprints: list[str]) -> str:
    found = " and ".join(fingerprints)
    if account.pins:
        return (
            f"{account}: the host key {found} is not the one in host_key; somebody may sit in between. "
            f'Only if its owner confirms that the key changed, write host_key: "{fingerprints[0]}"'
        )
    return (
        f"{account}: no host_key is pinned; compare {found} with what the server's owner says, "
        f'then write host_key: "{fingerprints[0]}"'
    )


def _trouble(error: Exception) -> str:
    """Return what went wrong while connecting, in words for people."""
    if isinstance(error, asyncssh.ConnectionLost):
        return "the server hung up while we connected"
    if isinstance(error, asyncssh.ChannelOpenError):
        return f"signed in, but SFTP is not offered: {shown(error.reason)}"
    if isinstance(error, asyncssh.Error):
        return shown(error.reason)
    return unreached(error) or str(getattr(error, "strerror", None) or error)
