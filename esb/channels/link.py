"""A connection to RabbitMQ that is kept up: connect, watch, lose, connect again. Who uses it is told both."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from typing import Any, Protocol

from pika import URLParameters
from pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from esb.channels.corked import Corked
from esb.errors import ChannelError
from esb.ports import Log

HEARTBEAT = 8
"""Seconds, as negotiated with the broker, which then sends one every 4 seconds."""

SILENCE = 9
"""Seconds without a byte after which a node is taken for dead; pika's own check would need 13 to 26."""

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE, _LASTING = 0.2, 10.0, 5.0
_REFUSED = (AuthenticationError, ProbableAuthenticationError, ProbableAccessDeniedError)

# What pika logs about a lost connection, tracebacks and all, is said here once, by `Log`, in our words.
logging.getLogger("pika").setLevel(logging.CRITICAL)


class Listener(Protocol):
    """Who uses a link."""

    def up(self, connection: Corked) -> None:
        """Begin: the connection is open."""
        ...

    def down(self, reason: str) -> None:
        """Forget everything that belonged to the connection: it is gone."""
        ...


class Link:
    """One connection for one purpose (`name`). Of several nodes it takes any that answers."""

    def __init__(self, url: str, name: str, log: Log | None) -> None:
        self._nodes = [_parameters(one, name) for one in url.split(";")]
        self._name, self._log = name, log
        self._listeners: dict[Listener, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._refused: asyncio.Future[None] | None = None
        self.connection: Corked | None = None
        self.blocked = ""
        self.reason = "it is not open"

    def add(self, listener: Listener) -> None:
        """Tell this listener from now on, and at once if the connection is up."""
        self._listeners[listener] = None
        if self.connection is not None:
            listener.up(self.connection)

    def remove(self, listener: Listener) -> None:
        """Tell it nothing more."""
        self._listeners.pop(listener, None)

    async def open(self, patience: float) -> None:
        """Return when the connection is up.

        Raises:
            ChannelError: No node answered for `patience` seconds, or the user or virtual host was refused.
        """
        loop = asyncio.get_running_loop()
        ready = _Ready(loop.create_future())
        self._refused = loop.create_future()
        self.add(ready)
        self._task = loop.create_task(self._keep_up(), name=f"esb-link-{self._name}")
        await asyncio.wait((ready.future, self._refused), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        self.remove(ready)
        if not ready.future.done():
            await self.close()
            raise ChannelError(
                f"{self.reason}; check that the broker runs, its address, user, password and virtual host"
            )

    async def close(self) -> None:
        """Close the connection and keep it closed."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def abandon(self, reason: str) -> None:
        """Take the connection for dead; a new one is made."""
        if self.connection is not None:
            self.connection.abandon(reason)

    async def _keep_up(self) -> None:
        failures = 0
        while True:
            node = random.choice(self._nodes)  # noqa: S311  # which node is no secret
            try:
                connection, lost = await self._connect(node)
            except Exception as error:  # whatever pika raises: a link that gives up would be noticed by nobody
                self._failed(node, error)
                failures += 1
            else:
                began = asyncio.get_running_loop().time()
                await self._use(connection, lost, node)
                # A node that takes connections and drops them at once is no better than one that takes none.
                failures = 1 if asyncio.get_running_loop().time() - began > _LASTING else failures + 1
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 10))
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # nodes must not be stormed in step

    async def _connect(self, node: URLParameters) -> tuple[Corked, asyncio.Future[str]]:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        lost: asyncio.Future[str] = loop.create_future()
        connection = Corked(
            node,
            on_open_callback=lambda _: _resolve(opened, None),
            on_open_error_callback=lambda _, error: _resolve(opened, _exception(error)),
            on_close_callback=lambda _, error: _resolve(lost, _text(error)),
            custom_ioloop=loop,
        )
        try:
            await opened
        except asyncio.CancelledError:
            with suppress(AMQPError):
                connection.close()
            raise
        return connection, lost

    async def _use(self, connection: Corked, lost: asyncio.Future[str], node: URLParameters) -> None:
        self.connection, self.blocked = connection, ""
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        self._say("channel.connected", node)
        for listener in tuple(self._listeners):
            listener.up(connection)
        try:
            await _silence_or_loss(connection, lost)
        except asyncio.CancelledError:
            self._ended("it was closed")
            await _close(connection, lost)
            raise
        reason = f"the connection to {node.host}:{node.port} was lost: {lost.result()}"
        self._ended(reason)
        self._say("channel.disconnected", node, reason=lost.result())

    def _ended(self, reason: str) -> None:
        self.connection, self.reason, self.blocked = None, reason, ""
        for listener in tuple(self._listeners):
            listener.down(reason)

    def _failed(self, node: URLParameters, error: Exception) -> None:
        self.reason = (
            f"no connection to RabbitMQ at {node.host}:{node.port} as {node.credentials.username}: {_text(error)}"
        )
        if isinstance(error, _REFUSED) and self._refused is not None and not self._refused.done():
            self._refused.set_result(None)
        self._say("channel.unreachable", node, reason=_text(error))

    def _on_blocked(self, _: Any, method: Any) -> None:
        self.blocked = f"the broker takes nothing now ({method.method.reason}); free memory or disk there"
        if self._log:
            self._log.warning("channel.blocked", connection=self._name, reason=str(method.method.reason))

    def _on_unblocked(self, *_: Any) -> None:
        self.blocked = ""
        if self._log:
            self._log.info("channel.unblocked", connection=self._name)

    def _say(self, event: str, node: URLParameters, reason: str = "") -> None:
        if self._log:
            say = self._log.warning if reason else self._log.info
            say(event, connection=self._name, host=node.host, port=node.port, **({"reason": reason} if reason else {}))


class _Ready:
    """Waits for the first connection."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.future = future

    def up(self, connection: Corked) -> None:
        if not self.future.done():
            self.future.set_result(None)

    def down(self, reason: str) -> None:
        pass


async def _silence_or_loss(connection: Corked, lost: asyncio.Future[str]) -> None:
    """Return when the connection is lost; one on which nothing comes for `SILENCE` seconds is given up.

    The seconds are counted one by one: if the event loop itself stood still, what came meanwhile is read in between.
    """
    silent, received = 0, -1
    while not lost.done():
        await asyncio.wait((lost,), timeout=1.0)
        silent = silent + 1 if connection.bytes_received == received else 0
        received = connection.bytes_received
        if silent >= SILENCE and not lost.done():
            connection.abandon(f"nothing came for {SILENCE} seconds")
            await lost


async def _close(connection: Corked, lost: asyncio.Future[str]) -> None:
    if not (connection.is_closed or connection.is_closing):
        connection.close()
    await asyncio.wait((lost,), timeout=CLOSE_SECONDS)
    if not lost.done():
        connection.abandon("the broker did not answer to the closing")
        await asyncio.wait((lost,), timeout=1.0)


def _parameters(url: str, name: str) -> URLParameters:
    try:
        parameters = URLParameters(url)
    except (ValueError, TypeError, AttributeError) as error:
        raise ChannelError("the channel's URL is not amqp://USER:PASSWORD@HOST:PORT/VHOST; correct it") from error
    parameters.heartbeat = HEARTBEAT
    parameters.connection_attempts = 1
    parameters.socket_timeout = CONNECT_SECONDS / 2
    parameters.stack_timeout = CONNECT_SECONDS
    parameters.blocked_connection_timeout = None  # a blocked broker heals; each publish has its own deadline
    parameters.client_properties = {"connection_name": f"esb {name}"}
    return parameters


def _resolve(future: asyncio.Future[Any], result: Any) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _exception(error: Any) -> Exception:
    """Return the cause that pika wrapped, once or several times: a refused connection, a bad certificate …"""
    while True:
        inner = getattr(error, "exceptions", None) or [
            getattr(error, "exception", None) or next(iter(error.args), None)
        ]
        if not isinstance(inner[-1], Exception):
            return error if isinstance(error, Exception) else AMQPError(str(error))
        error = inner[-1]


def _text(error: Any) -> str:
    return f"{type(error).__name__}: {error}"
