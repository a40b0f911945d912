"""The taker: one claimed file becomes one receipt; only when the bus has it for good does the file move away."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from esb.edge import Accepted, Receipt
from esb.endpoints.polling.claims import Claims
from esb.endpoints.polling.ending import TAIL
from esb.endpoints.polling.files import Entry, Files, OutOfReachError
from esb.endpoints.polling.names import logged, shown
from esb.endpoints.polling.readiness import ReadyRule
from esb.endpoints.taking import take
from esb.errors import EndpointError, FormatError, MessageError, TooLargeError
from esb.ports import Intake
from esb.specs import World


@dataclass(frozen=True, slots=True)
class Polling:
    """How an endpoint is polled. `poll` seconds between looks, `together` files at once, `max_bytes` of a file."""

    name: str
    ready: ReadyRule
    poll: float = 2.0
    recursive: bool = False
    together: int = 16
    ordered: bool = False
    max_bytes: int = 1 << 30
    partner: str = ""


class UnstableError(EndpointError):
    """Somebody wrote to the file while we read it: it was not complete."""


class CutError(EndpointError):
    """The end that a complete file has is missing: its writer is not done, or was cut off."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(f"the end is missing (complete_when): {shown(entry.path)} has {entry.size} bytes")
        self.entry = entry


class UnreadableError(EndpointError):
    """This one file cannot be read; the others may be fine."""


class _Content:
    """A file's chunks; every reading begins at its start, for a delivery may be validated before it is taken."""

    def __init__(self, read: Callable[[], AsyncIterator[bytes]]) -> None:
        self._read = read

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._read()


class Taker:
    """Takes claimed files."""

    def __init__(self, polling: Polling, files: Files, claims: Claims, world: World) -> None:
        self._polling = polling
        self._files = files
        self._claims = claims
        self._world = world

    async def take(self, path: str, intake: Intake) -> None:
        """Take a claimed file and move it away: to `ok`, or to `failed` if its content can never be taken.

        Raises:
            UnstableError: It changed meanwhile; put it back and wait.
            CutError: Its end is missing; put it back and wait until it has changed.
            UnreadableError: It cannot be read.
            EsbError: The bus or the place is out of reach; the file stays claimed.
        """
        before = await self._files.stat(self._claims.spot(path))
        if before is None:
            return
        key = f"{path} {before.size} {before.mtime_ns}"
        try:
            self._check(before)
            digest = await self._digest(before)
            key = f"{key} {digest[:16]}"
            accepted = await take(intake, self._receipt(path, key, digest), self._world.log)
        except MessageError as error:
            await self.refuse(path, str(error), key)
            return
        await self._check_unchanged(path, before)
        await self._settle(path, key, accepted)

    async def refuse(self, path: str, reason: str, key: str = "") -> None:
        """Move a claimed file to `failed`, with a text beside it that says why and what to do."""
        at = datetime.fromtimestamp(self._world.clock.now(), UTC).isoformat(timespec="seconds")
        lines = (
            f"{path} was not taken by endpoint {self._polling.name} at {at}.",
            f"Reason: {reason}",
            "Nothing of it is under way under this name. Mend the file and put it into the inbox again.",
        )
        stands = await self._claims.settle(path, "failed", key or path, "\n".join(lines) + "\n")
        self._world.log.error(
            "file.failed", endpoint=self._polling.name, file=logged(path), reason=reason, moved_to=logged(stands)
        )

    def _check(self, entry: Entry) -> None:
        if entry.fault:
            raise FormatError(entry.fault)
        if entry.size > self._polling.max_bytes:
            raise TooLargeError(f"{entry.size} bytes, more than max_size ({self._polling.max_bytes} bytes)")
        if not entry.size:
            raise FormatError("the file is empty; ask the sender to send it again")

    def _receipt(self, path: str, key: str, digest: str) -> Receipt:
        return Receipt(
            endpoint=self._polling.name,
            key=key,
            digest=digest,
            chunks=_Content(lambda: self._content(path, digest)),
            name=path,
            partner=self._polling.partner,
        )

    async def _digest(self, before: Entry) -> str:
        """Return the SHA-256 of a file that holds still while it is read."""
        path, ending = before.path.partition("/")[2], self._polling.ready.ending
        digest, size, tail = sha256(), 0, b""
        async for chunk in self._chunks(path):
            digest.update(chunk)
            size += len(chunk)
            if ending is not None:
                tail = (tail + chunk[-TAIL:])[-TAIL:]
        await self._check_unchanged(path, before)
        if size != before.size:
            raise UnstableError(f"{shown(path)} is {before.size} bytes long, but {size} were read")
        if ending is not None and ending.search(tail) is None:
            raise CutError(Entry(path, before.size, before.mtime_ns))
        return digest.hexdigest()

    async def _content(self, path: str, expected: str) -> AsyncGenerator[bytes, None]:
        """Yield the file a second time; the end comes only if it was the same bytes as the first time."""
        digest = sha256()
        async with aclosing(self._chunks(path)) as chunks:
            async for chunk in chunks:
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != expected:
            raise UnstableError(f"{shown(path)} changed while it was read")

    async def _chunks(self, path: str) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._files.read(self._claims.spot(path))) as chunks:
                async for chunk in chunks:
                    yield chunk
        except OutOfReachError:
            raise
        except EndpointError as error:
            raise UnreadableError(str(error)) from error

    async def _check_unchanged(self, path: str, before: Entry) -> None:
        after = await self._files.stat(self._claims.spot(path))
        if after is None or after.state != before.state:
            raise UnstableError(f"{shown(path)} changed while it was read; it is read again when it is complete")

    async def _settle(self, path: str, key: str, accepted: Accepted) -> None:
        stands = await self._claims.settle(path, "ok", key)
        self._world.log.info(
            "file.repeated" if accepted.repeated else "file.taken",
            endpoint=self._polling.name,
            file=logged(path),
            message=accepted.message_id,
            documents=accepted.documents,
            bad=accepted.bad,
            moved_to=logged(stands),
        )
