"""Trading of the simulated store: control numbers, interchanges that came and left, batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from msgspec import json
from msgspec.structs import replace

from esb.message import Scope, derive
from esb.trading import Arrival, Batch, Collected, Counter, Filed, FiledFilter, Judgment, Meeting, NumberClaim

Line = tuple[str, str, str, str, str]


@dataclass(slots=True)
class Came:
    """An interchange that came, and whether all of it is durable."""

    arrival: Arrival
    base: str
    done: bool = False


@dataclass(slots=True)
class Book:
    """What survives of it; `store_suite` has the rules."""

    counters: dict[Line, Counter] = field(default_factory=dict)
    arrived: dict[tuple[str, ...], Came] = field(default_factory=dict)
    filed: dict[tuple[Line, int], Filed] = field(default_factory=dict)
    batched: dict[str, tuple[Collected, str, str]] = field(default_factory=dict)
    """By id: the document, its batch, and `waiting`, `closing` or `sent`."""

    def take(self, claim: NumberClaim) -> bytes:
        """Return the next number of each scope, as the answer that is kept."""
        return json.encode([self._next(scope, claim.at) for scope in claim.scopes])

    def every(self) -> list[Counter]:
        """Return all counters."""
        return [self.counters[line] for line in sorted(self.counters)]

    def put(self, counter: Counter) -> None:
        """Set what comes next."""
        self.counters[_line(counter.scope)] = counter

    def _next(self, scope: Scope, at: float) -> int:
        line = _line(scope)
        known = self.counters.get(line)
        number = known.next if known is not None else 1
        self.counters[line] = Counter(scope, 1 if number >= 10**scope.width - 1 else number + 1, at)
        return number

    def meet(self, arrivals: Sequence[Arrival]) -> list[Meeting]:
        """Say of each interchange whether it came before."""
        return [self._meet(one) for one in arrivals]

    def _meet(self, one: Arrival) -> Meeting:
        came = one.interchange
        name = (came.dialect, came.sender, came.receiver, came.number)
        known = self.arrived.get(name)
        if known is None or one.at - known.arrival.at >= one.window:
            base = derive("interchange", *name, came.digest, *(() if known is None else (known.base,)))
            self.arrived[name] = Came(one, base)
            return Meeting("new", base, one.at, self._copy_of(one))
        first = known.arrival
        if first.interchange.digest != came.digest:
            return Meeting("other", known.base, first.at)
        if known.done and first.owner != one.owner:
            return Meeting("again", known.base, first.at)
        return Meeting("new", known.base, first.at, self._copy_of(first))

    def _copy_of(self, one: Arrival) -> str:
        came = one.interchange
        alike = (came.dialect, came.sender, came.receiver, came.content)
        others = sorted((known.arrival for known in self.arrived.values()), key=lambda first: first.at)
        for other in others:
            seen = other.interchange
            same = (seen.dialect, seen.sender, seen.receiver, seen.content) == alike
            if same and seen.number != came.number and other.at <= one.at:
                return seen.number
        return ""

    def finish(self, bases: Sequence[str]) -> None:
        """Note that all of these interchanges is durable."""
        for came in self.arrived.values():
            came.done = came.done or came.base in bases

    def file(self, rows: Sequence[Filed]) -> None:
        """Keep what leaves; what the same message has filed before stays as it is."""
        for row in rows:
            name = (_line(row.scope), row.number)
            known = self.filed.get(name)
            if known is None or known.message_id != row.message_id:
                self.filed[name] = row

    def find(self, where: FiledFilter) -> list[Filed]:
        """Return the rows that match every field that is set, oldest first."""
        numbers = {(_line(scope), number) for scope, number in where.numbers}
        found = [
            row
            for name, row in self.filed.items()
            if (not numbers or name in numbers)
            and (not where.message_ids or row.message_id in where.message_ids)
            and (not where.answers or row.answers == where.answers)
            and (where.state is None or row.state == where.state)
            and (where.due is None or (row.due is not None and row.due <= where.due))
        ]
        return sorted(found, key=lambda row: row.at)[: where.limit]

    def judge(self, one: Judgment) -> bool:
        """Apply a judgment, if it fits."""
        name = (_line(one.filed.scope), one.filed.number)
        known = self.filed.get(name)
        if known is None or known.message_id != one.filed.message_id or known.state not in one.before:
            return False
        self.filed[name] = one.filed
        return True

    def collect(self, rows: Sequence[Collected]) -> None:
        """Let documents wait; each joins once."""
        for row in rows:
            self.batched.setdefault(row.id, (row, "", "waiting"))

    def gather(self, endpoint: str, most: int, before: float) -> list[Batch]:
        """Begin batches that are full or old enough; return all that are begun and not closed."""
        waiting = [row for row, _, state in self.batched.values() if state == "waiting" and row.endpoint == endpoint]
        for kind in sorted({row.kind for row in waiting}):
            members = [row for row in waiting if row.kind == kind]
            if len(members) >= most or min(row.at for row in members) <= before:
                name = derive("batch", endpoint, kind, members[0].id)
                for row in members[:most]:
                    self.batched[row.id] = (row, name, "closing")
        begun = [(name, row) for row, name, state in self.batched.values() if state == "closing"]
        mine = [(name, row) for name, row in begun if row.endpoint == endpoint]
        groups = {name: tuple(row for other, row in mine if other == name) for name, _ in mine}
        return [Batch(name, endpoint, members[0].kind, members) for name, members in groups.items()]

    def close(self, batch: str) -> bool:
        """Mark the members of a batch as sent; false if somebody has."""
        members = [row for row, name, state in self.batched.values() if name == batch and state == "closing"]
        for row in members:
            self.batched[row.id] = (replace(row, packet=replace(row.packet, body=b"")), batch, "sent")
        return bool(members)

    def forget(self, before: float) -> int:
        """Remove interchanges whose window is over, and documents that left long ago; return how many."""
        came = [name for name, one in self.arrived.items() if one.arrival.at + one.arrival.window <= before]
        left = [name for name, (row, _, state) in self.batched.items() if state == "sent" and row.at < before]
        for name in came:
            del self.arrived[name]
        for number in left:
            del self.batched[number]
        return len(came) + len(left)

    def depths(self) -> list[tuple[str, str, int, float]]:
        """Return what waits, by endpoint and kind."""
        rows = [row for row, _, state in self.batched.values() if state != "sent"]
        rows.sort(key=lambda row: (row.endpoint, row.kind))
        groups = ((key, list(some)) for key, some in groupby(rows, lambda row: (row.endpoint, row.kind)))
        return [(*key, len(some), min(row.at for row in some)) for key, some in groups]


def _line(scope: Scope) -> Line:
    return scope.dialect, scope.partner, scope.ours, scope.level, scope.kind
