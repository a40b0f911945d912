"""The HTTP side of the control bus: one message's fate, health for machines, metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from esb.errors import EsbError
from esb.management.readers import Readers, is_theirs
from esb.management.trace import trace
from esb.ports import Store

Check = Callable[[], Awaitable[str]]
"""A readiness check: returns what it found in a few words, raises EsbError with the reason if it is not ready."""

_encode = msgspec.json.Encoder().encode


class Api:
    """Handlers over ports; payloads are not shown here, only what happened to them.

    `readers` says who may ask for messages; without, everybody may.
    """

    def __init__(
        self,
        store: Store,
        checks: Mapping[str, Check],
        scrape: Callable[[], Awaitable[bytes]],
        readers: Readers | None = None,
    ) -> None:
        self._store, self._checks, self._scrape, self._readers = store, checks, scrape, readers

    def routes(self) -> list[BaseRoute]:
        """Return what `app` mounts."""
        return [
            Route("/v1/messages/{identity}", self.message, methods=["GET"]),
            Route("/livez", self.live, methods=["GET"]),
            Route("/readyz", self.ready, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def message(self, request: Request) -> Response:
        """Answer the state of a message or delivery; right after its 202 it is at least `accepted`.

        A message of somebody else is answered as one that is not there.
        """
        identity = request.path_params["identity"]
        if len(identity) != 32 or not all(letter in "0123456789abcdef" for letter in identity):
            return problem(404, "not-found", "No message has this id.")
        clients, unable = await self._readers.admitted(request) if self._readers else ({}, None)
        found = await trace(self._store, identity)
        if not found.records or (self._readers and not is_theirs(found, clients)):
            if unable is not None:
                raise unable
            return problem(404, "not-found", "No message has this id.")
        states = [fate.state for fate in found.fates]
        state = next((name for name in ("exception", "waiting", "done", "ended") if name in states), "accepted")
        return _json(
            {
                "id": identity,
                "state": state,
                "sentence": found.sentence,
                "waits_on": found.waits_on,
                "destinations": [
                    {"place": fate.place, "state": fate.state, "sentence": fate.sentence} for fate in found.fates
                ],
                "records": [
                    {"at": record.at, "kind": record.kind, "place": record.place, "text": record.text}
                    for record in found.records
                ],
            }
        )

    async def live(self, request: Request) -> Response:
        """Answer that the event loop turns."""
        return Response("ok\n", media_type="text/plain")

    async def ready(self, request: Request) -> Response:
        """Answer whether traffic may come; `?verbose` names each check."""
        lines, failed = [], False
        for name, check in self._checks.items():
            try:
                lines.append(f"[+]{name} {await check()}")
            except EsbError as error:
                failed = True
                lines.append(f"[-]{name} {error}")
        lines.append("not ready" if failed else "ready")
        text = "\n".join(lines if failed or "verbose" in request.query_params else lines[-1:])
        return Response(text + "\n", status_code=503 if failed else 200, media_type="text/plain")

    async def metrics(self, request: Request) -> Response:
        """Answer what Prometheus scrapes."""
        return Response(await self._scrape(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _json(body: object) -> Response:
    return Response(_encode(body), media_type="application/json")


def problem(status: int, kind: str, detail: str) -> Response:
    """Return problem details (RFC 9457)."""
    body = {"type": f"urn:esb:problem:{kind}", "title": kind.replace("-", " "), "status": status, "detail": detail}
    return Response(_encode(body), status_code=status, media_type="application/problem+json")
