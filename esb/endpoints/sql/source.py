"""The poller of a foreign database: by a column that rises, or by rows that are marked when they have been taken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.endpoints.items import Item, Items
from esb.endpoints.rounds import Rounds
from esb.endpoints.sql.place import Place
from esb.endpoints.sql.values import document_of, parameter_type
from esb.envelope import encode_document
from esb.errors import EndpointError, RejectedError
from esb.ports import Intake


@dataclass(frozen=True, slots=True)
class Selecting:
    """What is read. `body`: the column that is the document, else the row is; `mark` runs for each row taken.

    `column` rises; `start` is where the first round begins, `overlap` seconds (or numbers) are read again.
    """

    select: str
    key: tuple[str, ...] = ()
    body: str = ""
    mark: str = ""
    column: str = ""
    start: str = ""
    overlap: float = 0.0
    batch: int = 500
    timeout: float = 30.0


class SqlPoller:
    """The intake side: a Source."""

    def __init__(self, selecting: Selecting, place: Place, items: Items, rounds: Rounds) -> None:
        self._selecting, self._place, self._items, self._rounds = selecting, place, items, rounds
        self._bookmark, self._world = rounds.bookmark, rounds.world

    async def run(self, intake: Intake, once: bool) -> None:
        """Poll until cancelled; with `once` until one round is complete. Raises EsbError only with `once`."""
        try:
            await self._rounds.run(lambda: self._round(intake), once)
        finally:
            await self._place.close()

    async def check(self) -> str:
        """Run the select, looking at no more than its first row. Raises EndpointError if that fails."""
        cursor = {"cursor": reading(self._selecting.start)} if self._selecting.column else {}
        try:
            async with self._place.transaction() as connection, asyncio.timeout(self._selecting.timeout):
                result = await connection.stream(_bound(self._selecting.select, cursor), cursor)
                row = (await result.mappings().fetchmany(1))[:1]
                self._looked(row[0] if row else dict.fromkeys(result.keys()))
                await result.close()
        except RejectedError as error:
            raise EndpointError(str(error)) from error
        return f"{self._place.shown} lets us in and answers the select"

    async def _round(self, intake: Intake) -> None:
        try:
            taken = await (self._marked(intake) if self._selecting.mark else self._rising(intake))
        except RejectedError as error:  # a matter of the endpoint, not of a message: it may be mended
            raise EndpointError(str(error)) from error
        if taken:
            self._world.log.info("poll.taken", endpoint=self._rounds.name, items=taken)

    # -- by a column that rises

    async def _rising(self, intake: Intake) -> int:
        """Take all behind the cursor, batch by batch; the cursor moves when a batch is durable."""
        mark = await self._bookmark.read()
        cursor = reading(mark["cursor"]) if mark.get("cursor") else reading(self._selecting.start)
        given = {"cursor": earlier(cursor, self._selecting.overlap)}
        rise, taken = _Rise(self._selecting.column, cursor), 0
        async with self._place.transaction() as connection:
            # Rows wait in the database, not in our memory, while a batch is made durable.
            result = await connection.stream(_bound(self._selecting.select, given), given)
            async for rows in result.mappings().partitions(self._selecting.batch):
                items = [self._item(row) for row in rows]
                for row in rows:
                    rise.see(row)
                taken += await self._items.take(items, intake)
                # Further rows with the value of the last one may follow in the next batch.
                await self._moved(rise.before, cursor)
        await self._moved(rise.last, cursor)
        return taken

    async def _moved(self, reached: Any, cursor: Any) -> None:
        if comparable(reached, cursor) and reached <= cursor:
            return
        await self._bookmark.write({"cursor": written(reached)})

    # -- by a mark

    async def _marked(self, intake: Intake) -> int:
        """Take and mark until the select gives nothing more. Rows are held until the mark is committed."""
        taken, last = 0, ""
        while True:
            async with self._place.transaction() as connection:
                rows = await self._claimed(connection)
                items = [self._item(row) for row in rows]
                first = f"{items[0].key} {items[0].digest}" if items else ""
                if first and first == last:
                    raise EndpointError("the select gives rows that were marked: let mark take them out of it")
                taken += await self._items.take(items, intake)
                for row in rows:
                    given = {name: row[name] for name in _names(self._selecting.mark)}
                    await connection.execute(_bound(self._selecting.mark, given), given)
            if not rows:
                return taken
            last = first

    async def _claimed(self, connection: AsyncConnection) -> Sequence[Mapping[Any, Any]]:
        async with asyncio.timeout(self._selecting.timeout):
            result = await connection.stream(text(self._selecting.select))
            rows = await result.mappings().fetchmany(self._selecting.batch)
            await result.close()
            return rows

    # -- rows

    def _item(self, row: Mapping[Any, Any]) -> Item:
        self._looked(row)
        key = " ".join(str(document_of(row[name])) for name in self._selecting.key)
        return Item(key, self._body(row))

    def _body(self, row: Mapping[Any, Any]) -> bytes:
        if not self._selecting.body:
            return encode_document({name: document_of(value) for name, value in row.items()})
        value = row[self._selecting.body]
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        return value.encode() if isinstance(value, str) else encode_document(document_of(value))

    def _looked(self, row: Mapping[Any, Any]) -> None:
        """Raise EndpointError if the select does not give a column that is needed."""
        selecting = self._selecting
        needed = (*selecting.key, selecting.body, selecting.column, *(_names(selecting.mark) if selecting.mark else ()))
        missing = [name for name in needed if name and name not in row]
        if missing:
            raise EndpointError(f"the select gives no column {missing[0]}; it gives {', '.join(map(str, row))}")


class _Rise:
    """How far the rows have come: the highest value, and the one before it that differs."""

    def __init__(self, column: str, cursor: Any) -> None:
        self._column = column
        self._previous: Any = None
        self.last = self.before = cursor

    def see(self, row: Mapping[Any, Any]) -> None:
        """Take note of the next row. Raises EndpointError if it does not rise: what is cut off would be lost."""
        value = row[self._column]
        falls = self._previous is not None and comparable(value, self._previous) and value < self._previous
        if value is None or falls:
            raise EndpointError(f"the select does not rise by {self._column}: add ORDER BY {self._column}, and no NULL")
        self._previous = value
        if not comparable(value, self.last) or value > self.last:
            self.last, self.before = value, self.last


def _names(statement: str) -> tuple[str, ...]:
    return tuple(text(statement)._bindparams)


def _bound(statement: str, given: Mapping[str, Any]) -> Any:
    kinds = {name: Date() if type(value) is date else parameter_type(value) for name, value in given.items()}
    return text(statement).bindparams(*(bindparam(name, type_=kind) for name, kind in kinds.items()))


def reading(cursor: str) -> Any:
    """Return the value that a written cursor stands for: a number, a time, a date, or the text itself."""
    kind, mark, rest = cursor.partition(":")
    if mark and kind in _READ:
        return _READ[kind](rest)
    for read in (int, Decimal, date.fromisoformat, datetime.fromisoformat):
        try:
            return read(cursor)
        except (ValueError, ArithmeticError):
            continue
    return cursor


def written(value: Any) -> str:
    """Return a cursor as it is kept, with its kind, so that a text of digits stays a text."""
    for kind, known in _KINDS:
        if isinstance(value, known):
            return f"{kind}:{value.isoformat() if isinstance(value, date) else value}"
    raise EndpointError(f"a column of {type(value).__name__} cannot be a cursor; use a number, a time or a text")


def earlier(cursor: Any, overlap: float) -> Any:
    """Return the cursor so many seconds (or numbers) earlier; texts have nothing earlier."""
    if not overlap:
        return cursor
    if isinstance(cursor, date):
        return cursor - timedelta(seconds=overlap)
    if isinstance(cursor, int | Decimal):
        return cursor - type(cursor)(overlap)
    return cursor


def comparable(one: Any, other: Any) -> bool:
    """Return whether two cursor values can be compared: what was written may be of another kind than the column."""
    try:
        return bool(one <= other) or True
    except TypeError:
        return False


_READ: dict[str, Any] = {
    "int": int,
    "decimal": Decimal,
    "time": datetime.fromisoformat,
    "date": date.fromisoformat,
    "text": str,
}
_KINDS = (("int", int), ("decimal", Decimal), ("time", datetime), ("date", date), ("text", str))
