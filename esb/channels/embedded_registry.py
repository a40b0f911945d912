"""The channels that the embedded channel's file knows: declared ones, subscriptions, and who holds an ordered one."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from msgspec import Struct

from esb.channels.topics import matches
from esb.envelope import ChannelSpec, Topology
from esb.errors import ChannelError

DEAD = "dead"
ALWAYS_THERE = {DEAD: 0, "journal": ChannelSpec("journal").delivery_limit}
"""Names and delivery limits. The dead have none: where would they go?"""


class Declared(Struct, frozen=True):
    """A channel as the file has it. `delivery_limit` 0 = none."""

    number: int
    name: str
    ordered: bool
    delivery_limit: int


class Registry:
    """What is declared, kept in memory and read anew when another process changed the file."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self._channels: dict[str, Declared] = {}
        self._subscriptions: list[tuple[str, str]] = []
        self.subscribers = lru_cache(maxsize=4096)(self._subscribers)

    def __contains__(self, name: str) -> bool:
        """Return whether the channel was declared, by whichever process."""
        return name in self._channels

    def __getitem__(self, name: str) -> Declared:
        """Return a channel that was declared."""
        return self._channels[name]

    def names(self) -> Collection[str]:
        """Return all names."""
        return self._channels.keys()

    def found(self) -> None:
        """Make the channels exist that are always there."""
        for limited in ALWAYS_THERE.items():
            self._db.execute("INSERT OR IGNORE INTO channel(name, delivery_limit) VALUES(?, ?)", limited)

    def declare(self, topology: Topology) -> None:
        """Make the channels exist as the topology says, with these subscriptions and no others.

        Raises:
            ChannelError: A subscription names a channel that nobody declared; then nothing is changed.
        """
        declared = self._channels.keys() | {spec.name for spec in topology.channels}
        for pattern, name in topology.subscriptions:
            if name not in declared:
                raise ChannelError(f"the subscription to {pattern} names channel {name}, which is not declared")
        for spec in topology.channels:
            self._db.execute(
                "INSERT INTO channel(name, ordered, delivery_limit) VALUES(?1, ?2, ?3) "
                "ON CONFLICT(name) DO UPDATE SET ordered = ?2, delivery_limit = ?3",
                (spec.name, spec.ordered, 0 if spec.name == DEAD else spec.delivery_limit),
            )
        self.read()
        for spec in topology.channels:
            self._db.execute("DELETE FROM subscription WHERE channel = ?", (self._channels[spec.name].number,))
        for pattern, name in topology.subscriptions:
            self._db.execute("INSERT OR IGNORE INTO subscription VALUES(?, ?)", (pattern, self._channels[name].number))
        self.read()

    def hold(self, name: str, owner: int) -> bool:
        """Return whether this owner may lend from the channel: an ordered one has one holder at a time."""
        channel = self._channels[name]
        if not channel.ordered:
            return True
        held = self._db.execute(
            "UPDATE channel SET holder = ?1 WHERE number = ?2 AND holder IN (0, ?1)", (owner, channel.number)
        )
        return bool(held.rowcount)

    def ordered(self, name: str) -> bool:
        """Return whether the channel has one active consumer at a time."""
        return name in self._channels and self._channels[name].ordered

    def release(self, name: str, owner: int) -> None:
        """Let another owner hold the channel."""
        self._db.execute("UPDATE channel SET holder = 0 WHERE name = ? AND holder = ?", (name, owner))

    def read(self) -> None:
        """Read what the file has."""
        rows = self._db.execute("SELECT number, name, ordered, delivery_limit FROM channel").fetchall()
        self._channels = {name: Declared(number, name, bool(ordered), limit) for number, name, ordered, limit in rows}
        self._subscriptions = self._db.execute(
            "SELECT pattern, name FROM subscription JOIN channel ON number = channel ORDER BY number"
        ).fetchall()
        self.subscribers.cache_clear()

    def _subscribers(self, topic: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for pattern, name in self._subscriptions if matches(pattern, topic)))
