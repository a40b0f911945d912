"""Account: a foreign broker, and as whom we reach it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from esb.endpoints.queue.client import connection_of
from esb.endpoints.unreached import unreached
from esb.errors import EndpointError

HEARTBEAT: Final = 20.0
"""Seconds after which a silent AMQP connection is looked at; twice that and it is lost."""
SCHEMES: Final = ("amqp", "amqps", "redis", "rediss")
_WORDS = re.compile(r"[^\x20-\x7e]+")
_NOT_FOUND, _NOT_ALLOWED = 404, 403


def broker_fault(url: str) -> str:
    """Return why a text cannot be the address of a broker, or an empty text."""
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or 0 < parts.port < 65536
    except ValueError as error:
        return str(error)
    if parts.scheme not in SCHEMES or not parts.hostname or not port_fits:
        return "an address begins with amqps://, amqp://, rediss:// or redis:// and a host"
    if parts.username is not None or parts.password is not None:
        return "credentials do not belong into an address; write user and password"
    if parts.query or parts.fragment:
        return "an address has no ?query and no #fragment"
    if parts.scheme.startswith("redis") and not re.fullmatch(r"/?\d*", parts.path):
        return "behind the host of a Redis stands the number of its database"
    return ""


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom. `password` and `authority` are read at each connecting; `hidden`: Redis only, see spec."""

    url: str
    user: str
    password: Callable[[], str | None]
    authority: Callable[[], str | None]
    timeout: float
    hidden: float

    @property
    def shown(self) -> str:
        """The address for people."""
        return self.url

    @property
    def is_redis(self) -> bool:
        """Whether it is a Redis, which confirms by writing and has no exchanges of its own."""
        return self.url.startswith("redis")

    def connection(self) -> Any:
        """Return an open connection; it belongs to the thread that opens it. Raises what the client raises."""
        connection = self._connection()
        try:
            # Who tries again, and when, is ours to say: the client would wait and hide it.
            connection.ensure_connection(errback=_give_up, max_retries=1, reraise_as_library_errors=False)
        except BaseException:
            with suppress(Exception):
                connection.collect(1.0)
            raise
        return connection

    def _connection(self) -> Any:
        parts = urlsplit(self.url)
        secure = parts.scheme in {"amqps", "rediss"}
        return connection_of(
            transport="redis" if self.is_redis else "pyamqp",
            hostname=parts.hostname,
            port=parts.port or self._port(secure),
            virtual_host=unquote(parts.path[1:]) or ("0" if self.is_redis else "/"),
            userid=self.user or None,
            password=self.password(),
            ssl=self._tls(parts.hostname or "") if secure else False,
            connect_timeout=min(self.timeout, 10.0),
            heartbeat=0 if self.is_redis else HEARTBEAT,
            transport_options=self._options(),
        )

    def _port(self, secure: bool) -> int:
        if self.is_redis:
            return 6379
        return 5671 if secure else 5672

    def _tls(self, host: str) -> dict[str, Any]:
        """Return how the certificate of the broker is checked; it always is."""
        if self.is_redis:
            return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_data": self.authority()}
        return {"context": {"cadata": self.authority(), "check_hostname": True}, "server_hostname": host}

    def _options(self) -> dict[str, Any]:
        if not self.is_redis:
            return {"confirm_publish": True, "read_timeout": self.timeout, "write_timeout": self.timeout}
        return {
            "visibility_timeout": self.hidden,
            "unacked_restore_throttle": 1,
            "socket_timeout": self.timeout,
            "socket_connect_timeout": min(self.timeout, 10.0),
            "global_keyprefix": "",
        }

    def trouble(self, error: BaseException, doing: str) -> EndpointError:
        """Return the error that says what went wrong with the broker, in one line and without a secret."""
        return EndpointError(f"cannot {doing} at {self.shown}: {reason_of(error)}")


def _give_up(error: Exception, interval: float) -> None:
    raise error


def reason_of(error: BaseException) -> str:
    """Return what a broker's client says, for people."""
    code = getattr(error, "code", None) or getattr(error, "reply_code", None)
    if silent := unreached(error):
        return silent
    text = _WORDS.sub(" ", str(getattr(error, "reply_text", "") or error)).strip()[:300] or type(error).__name__
    if code == _NOT_ALLOWED:
        return f"{text} (the credentials are refused, or may not do this)"
    return text


def is_missing(error: BaseException) -> bool:
    """Return whether the broker says that a queue or exchange is not there."""
    return (getattr(error, "code", None) or getattr(error, "reply_code", None)) == _NOT_FOUND
