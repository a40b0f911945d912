"""What tests of endpoints are made of: a world with stepped time, an intake that keeps what it takes, a log to read."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import uvicorn

from esb.edge import Accepted, Receipt
from esb.errors import ConflictError, DefinitionError
from esb.message import Message, derive
from esb.specs import SecretRef


@dataclass(slots=True)
class Lines:
    """A log that keeps its lines: (level, event, fields)."""

    kept: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def info(self, event: str, **fields: Any) -> None:
        """Keep a line."""
        self.kept.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        """Keep a line."""
        self.kept.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        """Keep a line."""
        self.kept.append(("error", event, fields))

    def events(self) -> list[str]:
        """Return the names of the events, in order."""
        return [event for _, event, _ in self.kept]


class SteppedClock:
    """The time stands still until somebody sleeps; a sleep moves it and gives way to others, but takes no time."""

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self.time = start
        self._tasks: set[asyncio.Task[Any]] = set()

    def now(self) -> float:
        """Return the POSIX time in seconds."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Move the time on."""
        self.time += max(seconds, 0.0)
        await asyncio.sleep(0.001)

    def spawn(self, work: Any, name: str) -> asyncio.Task[Any]:
        """Start a task."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


@dataclass(slots=True)
class TestWorld:
    """A World for tests: secrets by reference, a stepped clock, a log that keeps its lines."""

    __test__ = False

    project: Path
    secrets: dict[str, str] = field(default_factory=dict)
    clock: Any = field(default_factory=SteppedClock)
    log: Lines = field(default_factory=Lines)
    moving: set[str] = field(default_factory=set)
    """Messages of which something is still on its way."""
    store: Any = None
    """What worlds of several machines share; without it marks are files in the state folder, and leases are free."""
    machine: str = "here"

    async def lease(self, name: str, ttl: float) -> bool:
        """Return whether this machine has the lease."""
        return self.store is None or await self.store.lease(name, self.machine, self.clock.now(), ttl)

    async def remember(self, name: str, value: bytes) -> None:
        """Keep a value."""
        if self.store is not None:
            await self.store.remember(name, value)
            return
        file = self._mark(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_suffix(".tmp")
        aside.write_bytes(value)
        aside.replace(file)

    async def recall(self, name: str) -> bytes | None:
        """Return the value that was kept last."""
        if self.store is not None:
            found: bytes | None = await self.store.recall(name)
            return found
        file = self._mark(name)
        return file.read_bytes() if file.exists() else None

    def _mark(self, name: str) -> Path:
        return self.state / "marks" / f"{name}.mark"

    async def under_way(self, message_id: str) -> bool:
        """Return whether it is said to be on its way."""
        return message_id in self.moving

    @property
    def state(self) -> Path:
        """Return the folder for what must survive."""
        return self.project / ".state"

    def secret(self, reference: SecretRef) -> str:
        """Return the value. Raises DefinitionError naming the reference."""
        try:
            return self.secrets[reference.source]
        except KeyError:
            raise DefinitionError(f"{reference.source} has no value") from None


@dataclass(slots=True)
class Taken:
    """What an intake has for good."""

    key: str
    digest: str
    body: bytes
    receipt: Receipt


class RecordingIntake:
    """An intake that keeps what it takes, in memory or (so that it survives a kill) line by line in a file.

    It follows the rules of the real one: same key and digest = repeated, same key and other digest = conflict.
    `failing` is asked before each take and may raise.
    """

    def __init__(self, journal: Path | None = None) -> None:
        self.taken: list[Taken] = []
        self.repeated: list[str] = []
        self.failing: Callable[[Receipt], None] = lambda receipt: None
        self.gate: asyncio.Event | None = None
        self._journal = journal
        self._known: dict[str, str] = {}

    async def take(self, receipt: Receipt) -> Accepted:
        """Take a receipt: durable when this returns."""
        self.failing(receipt)
        if self.gate is not None:
            await self.gate.wait()
        if self._journal is not None:  # rivals write to the same file
            self._known = {row["key"]: row["digest"] for row in journal_rows(self._journal)}
        message_id = derive("intake", receipt.endpoint, receipt.key, receipt.digest)
        if receipt.key in self._known:
            if self._known[receipt.key] != receipt.digest:
                raise ConflictError("the key came before with another content")
            self.repeated.append(receipt.key)
            return Accepted(message_id, 1, repeated=True)
        body = b"".join([chunk async for chunk in receipt.chunks])
        assert sha256(body).hexdigest() == receipt.digest, "the digest is not that of the content"
        again = b"".join([chunk async for chunk in receipt.chunks])
        assert again == body, "a second reading of the chunks gives something else"
        self._keep(Taken(receipt.key, receipt.digest, body, receipt))
        return Accepted(message_id, 1)

    def _keep(self, taken: Taken) -> None:
        if self._journal is not None:
            row = {"key": taken.key, "digest": taken.digest, "name": taken.receipt.name}
            with self._journal.open("ab") as file:
                file.write(json.dumps(row).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        self._known[taken.key] = taken.digest
        self.taken.append(taken)


def journal_rows(journal: Path) -> list[dict[str, str]]:
    """Return what a recording intake wrote to its file, without a last line that a kill cut."""
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return [json.loads(line) for line in lines]


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition. Raises AssertionError if it does not come true in time."""
    end = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < end, "the condition did not come true in time"
        await asyncio.sleep(0.005)


async def raised(work: Awaitable[Any], *kinds: type[Exception]) -> Exception:
    """Return what the work raised, which must be of one of these kinds."""
    try:
        result = await work
    except kinds as error:
        return error
    raise AssertionError(f"nothing was raised, it returned {result!r}")


def order(number: int, body: bytes = b"") -> Message:
    """Return a message as a sink gets it: rendered bytes, an id that every call makes again."""
    content = body or json.dumps({"order": {"number": f"PO-{number}"}, "lines": ["ä", number]}).encode()
    return Message(id=derive("order", number), body=content, received=datetime(2026, 1, 1, tzinfo=UTC))


@asynccontextmanager
async def serving_by_hand(
    behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Serve connections as a broken server would and lend the port; each is closed when `behave` returns."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def serving(app: Any, port: int = 0) -> AsyncIterator[int]:
    """Serve an ASGI application on loopback and lend its port (a free one unless given); it stops at the end."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        # Started and stopped by hand: the server's own loop looks only ten times a second whether it should end.
        await server.startup(sockets=[listening])
        try:
            yield int(listening.getsockname()[1])
        finally:
            await server.shutdown(sockets=[listening])
