"""The file of the embedded channel: its tables, and what is done to them. It knows no threads and no event loop.

`q` has a small row for each packet, so that lending rewrites no body; `body` has the packet itself, under the same
number. All that is done to many packets is one statement: SQLite gives the interpreter lock away at every call, and
while the event loop computes it comes back only after the switch interval (5 ms), so 1,000 calls would take seconds.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pysqlite3.dbapi2 as sqlite3
from msgspec import Struct
from msgspec.structs import replace

from esb.channels.embedded_registry import DEAD, Declared, Registry
from esb.channels.embedded_schema import connect
from esb.channels.owners import identity
from esb.channels.packets import buried
from esb.envelope import Packet
from esb.errors import ChannelError

SHARED_FROM = (3, 51, 3)
"""Before this SQLite loses data when two connections write a WAL file and one of them resets it."""

encode_packet = msgspec.msgpack.Encoder(enc_hook=dict).encode  # the hook: empty headers are a read-only mapping
_decode_packet = msgspec.msgpack.Decoder(Packet).decode
_json = msgspec.json.Encoder().encode
_rows = msgspec.json.decode


class Entry(Struct, frozen=True):
    """A packet to store: where it goes, when it is due, and its bytes."""

    to: str
    due: float
    attempt: int
    record: bytes


class Lent(Struct, frozen=True):
    """A packet that was lent: its number, itself, and whether it was lent before."""

    seq: int
    packet: Packet
    again: bool


class Settled(Struct, frozen=True):
    """What became of lent packets, by their numbers: forget, give back, delay, or move to `dead`."""

    forget: Sequence[int] = ()
    give_back: Sequence[int] = ()
    delay: Sequence[tuple[int, float, int]] = ()
    """(number, due, how much to add to the attempt)"""
    bury: Sequence[tuple[int, Packet]] = ()


class ChannelFile:
    """One connection to the file, for one thread. What changes packets runs between `begin` and `commit`."""

    def __init__(self, path: Path, library: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
        self.path = path
        self._db = connect(path)
        self._durable = True
        self._seen_version = -1
        self.registry = Registry(self._db)
        self.stirred: set[str] = set()
        """Channels that may have something new to lend."""
        try:
            self.owner = self._register(library)
        except BaseException:
            self._db.close()
            raise

    # --- transactions

    def begin(self, durable: bool) -> None:
        """Begin to write. `durable`: the commit is on disk when it returns.

        Only what somebody was promised needs that. A claim or a settlement that a power cut takes back means one more
        delivery, never a loss, so it does not wait for the disk; the next durable commit carries it along.
        """
        if durable != self._durable:
            self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make it so."""
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what was done since `begin`, if that is still open."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def changed(self) -> bool:
        """Return whether another connection changed the file since the last call; if so, look at everything anew."""
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if version == self._seen_version:
            return False
        self._seen_version = version
        self.registry.read()
        self.stir()
        return True

    def stir(self) -> None:
        """Note that any channel may have something new to lend."""
        self.stirred.update(self.registry.names())

    def close(self) -> None:
        """Give back what this owner still holds and close the file."""
        try:
            self.begin(durable=False)
            # Given back on purpose: that is no sign of a packet that kills its consumers.
            self._db.execute("UPDATE q SET lends = lends - 1 WHERE owner = ?", (self.owner,))
            self._forget_owner(self.owner)
            self.commit()
        finally:
            self._db.close()

    # --- owners

    def recover(self) -> bool:
        """Give back what dead owners held; return whether there were any."""
        rows = self._db.execute("SELECT number, pid, identity FROM owner WHERE number != ?", (self.owner,)).fetchall()
        dead = [number for number, pid, known in rows if identity(pid) != known]
        if dead:
            self.begin(durable=False)
            for number in dead:
                self._forget_owner(number)
            self.commit()
            self.stir()
        return bool(dead)

    def _register(self, library: tuple[int, ...]) -> int:
        self.recover_before_registering()
        self.begin(durable=True)
        try:
            others = self._db.execute("SELECT pid, library FROM owner").fetchall()
            mine = ".".join(map(str, library))
            for pid, theirs in others:
                oldest = min((mine, theirs), key=_version)
                if _version(oldest) < SHARED_FROM:
                    raise ChannelError(
                        f"{self.path} is open in process {pid}, and SQLite {oldest} may damage a file that two "
                        f"processes share (fixed in 3.51.3): run one process, or install pysqlite3 in both"
                    )
            number = self._db.execute(
                "INSERT INTO owner(pid, identity, library) VALUES(?, ?, ?)", (os.getpid(), identity(os.getpid()), mine)
            ).lastrowid
            self.registry.found()
            self.commit()
        except BaseException:
            self.rollback()
            raise
        self.changed()
        return int(number)

    def recover_before_registering(self) -> None:
        """Forget owners that died before this one came: they must not keep it out."""
        self.owner = 0
        self.recover()

    def _forget_owner(self, number: int) -> None:
        self._db.execute("UPDATE q SET owner = 0, again = 1 WHERE owner = ?", (number,))
        self._db.execute("UPDATE channel SET holder = 0 WHERE holder = ?", (number,))
        self._db.execute("DELETE FROM owner WHERE number = ?", (number,))

    # --- packets

    def put(self, entries: Sequence[Entry], now: float) -> dict[int, str]:
        """Store packets, an event once for each subscriber; return which could not be stored (by index) and why."""
        failed: dict[int, str] = {}
        rows: list[tuple[Declared, Entry]] = []
        for index, entry in enumerate(entries):
            names: Sequence[str] = (entry.to,)
            if entry.to.startswith("event/"):
                names = self.registry.subscribers(entry.to.removeprefix("event/"))
            for name in names:
                if name in self.registry:
                    rows.append((self.registry[name], entry))
                else:
                    failed[index] = f"no channel {name} is declared"
        self._insert(rows, now)
        return failed

    def _insert(self, rows: Sequence[tuple[Declared, Entry]], now: float) -> None:
        if not rows:
            return
        last = self._db.execute("UPDATE sequence SET next = next + ? RETURNING next", (len(rows),)).fetchone()[0]
        self.stirred.update(channel.name for channel, _ in rows)
        table, offset = [], 1
        for seq, (channel, entry) in enumerate(rows, last - len(rows)):
            table.append((seq, channel.number, entry.due, entry.attempt, offset, len(entry.record)))
            offset += len(entry.record)
        text = _json(table).decode()
        self._db.execute(
            "INSERT INTO q(seq, channel, due, attempt, size, entered) "
            "SELECT value->>0, value->>1, value->>2, value->>3, value->>5, ? FROM json_each(?)",
            (now, text),
        )
        self._db.execute(
            "INSERT INTO body SELECT value->>0, substr(?, value->>4, value->>5) FROM json_each(?)",
            (b"".join(entry.record for _, entry in rows), text),
        )

    def ready(self, name: str) -> bool:
        """Return whether the channel has something to lend now (a look, without the lock that writing needs)."""
        if name not in self.registry:
            return False
        number = self.registry[name].number
        looked = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM q WHERE channel = ? AND owner = 0 AND due = 0)", (number,)
        )
        return bool(looked.fetchone()[0])

    def lend(self, name: str, limit: int, limit_bytes: int, now: float) -> list[Lent]:
        """Claim up to `limit` packets, oldest first, of not more than `limit_bytes` together (but at least one).

        A packet that was lent too often without an end goes to `dead` instead.
        """
        channel = self.registry[name]
        picked = _rows(
            self._db.execute(
                "SELECT json_group_array(json_array(seq, size, attempt, lends, again)) FROM (SELECT * FROM q "
                "WHERE channel = ? AND owner = 0 AND due = 0 ORDER BY seq LIMIT ?)",
                (channel.number, limit),
            ).fetchone()[0]
        )
        picked = _within(picked, limit_bytes)
        if not picked:
            return []
        numbers = _json([row[0] for row in picked]).decode()
        self._db.execute(
            "UPDATE q SET owner = ?, lends = lends + 1 WHERE seq IN (SELECT value FROM json_each(?))",
            (self.owner, numbers),
        )
        lent = self._read(picked, numbers)
        spent = {row[0] for row in picked if 0 < channel.delivery_limit <= row[3]}
        if not spent:
            return lent
        reason = {"reason": "delivery_limit"}
        bury = [(one.seq, buried(one.packet, name, reason)) for one in lent if one.seq in spent]
        self.settle(Settled(bury=bury), now)
        return [one for one in lent if one.seq not in spent]

    def _read(self, picked: Sequence[Any], numbers: str) -> list[Lent]:
        """Read the packets of these rows: all bodies come as one value, because a row of the answer is a call too."""
        bodies = self._db.execute(
            "SELECT CAST(group_concat(CAST(record AS TEXT), '' ORDER BY seq) AS BLOB) FROM body "
            "WHERE seq IN (SELECT value FROM json_each(?))",
            (numbers,),
        ).fetchone()[0]
        lent, offset = [], 0
        for seq, size, attempt, lends, again in picked:
            packet = _decode_packet(bodies[offset : offset + size])
            offset += size
            if packet.attempt != attempt:
                packet = replace(packet, attempt=attempt)
            lent.append(Lent(seq, packet, lends > 0 or again > 0))
        return lent

    def settle(self, settled: Settled, now: float) -> None:
        """Do what was decided about packets that this owner holds; about others it does nothing."""
        if settled.forget or settled.bury:
            self._delete([*settled.forget, *(seq for seq, _ in settled.bury)])
        if settled.give_back or settled.delay:
            self.stir()
        if settled.give_back:
            self._db.execute(
                "UPDATE q SET owner = 0, again = 1, lends = lends - 1 "
                "WHERE owner = ? AND seq IN (SELECT value FROM json_each(?))",
                (self.owner, _json(settled.give_back).decode()),
            )
        if settled.delay:
            self._db.execute(
                "UPDATE q SET owner = 0, again = 1, lends = 0, due = j.value->>1, attempt = attempt + (j.value->>2) "
                "FROM json_each(?) AS j WHERE q.seq = j.value->>0 AND q.owner = ?",
                (_json(settled.delay).decode(), self.owner),
            )
        if settled.bury:
            dead = self.registry[DEAD]
            entries = [Entry(DEAD, 0.0, packet.attempt, encode_packet(packet)) for _, packet in settled.bury]
            self._insert([(dead, entry) for entry in entries], now)

    def _delete(self, numbers: Sequence[int]) -> None:
        text = _json(numbers).decode()
        self._db.execute(
            "DELETE FROM q WHERE owner = ? AND seq IN (SELECT value FROM json_each(?))", (self.owner, text)
        )
        # A row that another process took (it believed us dead) is still there: then its body stays as well.
        self._db.execute(
            "DELETE FROM body WHERE seq IN (SELECT value FROM json_each(?)) "
            "AND NOT EXISTS (SELECT 1 FROM q WHERE q.seq = body.seq)",
            (text,),
        )

    # --- time

    def next_due(self) -> float | None:
        """Return when the next delayed packet may be lent (POSIX time), if there is one."""
        found: float | None = self._db.execute("SELECT min(due) FROM q WHERE due > 0").fetchone()[0]
        return found

    def promote(self, now: float) -> None:
        """Make what is due ready to be lent."""
        self.stir()
        self._db.execute("UPDATE q SET due = 0 WHERE due > 0 AND due <= ?", (now,))


def _within(rows: Sequence[Any], limit_bytes: int) -> Sequence[Any]:
    total = 0
    for index, row in enumerate(rows):
        total += row[1]
        if total > limit_bytes and index:
            return rows[:index]
    return rows


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
