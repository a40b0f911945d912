"""The one HTTP listener of a process: webhooks and the control bus side by side."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator, Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from esb.app.connections import Connection
from esb.errors import EsbError, UsageError
from esb.management.api import problem


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has one drain for all its roles."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone."""
        yield


class Listener:
    """Serves the routes on one address; a port of 0 takes a free one."""

    def __init__(self, routes: Sequence[BaseRoute], address: tuple[str, int]) -> None:
        self._host, self._port = address
        application = Starlette(
            routes=list(routes), exception_handlers={HTTPException: _problem, EsbError: _unavailable}
        )
        # A redirect would lead wherever the request's own Host says, and no sender of webhooks follows one.
        application.router.redirect_slashes = False
        config = uvicorn.Config(
            application,
            loop="none",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=10,
        )
        self._server = _Server(config)
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """Return the port that is, or was, listened on."""
        return self._port

    def bind(self) -> None:
        """Take the address.

        Raises:
            UsageError: Someone else has it.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        taken = socket.socket(family, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((self._host, self._port))
        except OSError as error:
            taken.close()
            hint = "choose another with --listen HOST:PORT"
            raise UsageError(f"cannot listen on {self._host}:{self._port}: {error.strerror}; {hint}") from error
        taken.listen(2048)
        taken.setblocking(False)
        self._socket, self._port = taken, int(taken.getsockname()[1])

    async def serve(self) -> None:
        """Serve until stopped."""
        if self._socket is None:
            self.bind()
        sockets: list[Any] = [self._socket]
        await self._server.serve(sockets=sockets)

    def stop(self) -> None:
        """Finish the requests under way, take no more."""
        self._server.should_exit = True


async def _problem(request: Request, error: Exception) -> Response:
    """Answer a request that meets no handler as every other refusal: with problem details."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        answer = problem(405, "method-not-allowed", f"{request.method} is not for this address.")
        answer.headers["Allow"] = ", ".join(_allowed(request))
    else:
        answer = problem(error.status_code, "not-found", "Nothing is served at this address.")
    return answer


def _allowed(request: Request) -> list[str]:
    """Return the methods of an address: several endpoints may share it, each with its own."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return sorted(found)


async def _unavailable(request: Request, error: Exception) -> Response:
    """Answer what cannot be looked up while the store or the channel is out of reach."""
    answer = problem(503, "unavailable", "What is asked for is out of reach; ask again later.")
    answer.headers["Retry-After"] = "5"
    return answer
