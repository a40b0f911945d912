"""Searching what the simulated store remembers: by business key, sender's key, message or correlation."""

from __future__ import annotations

from collections.abc import Iterable

from esb.message import derive
from esb.records import Record
from esb.testing.simulation.memory import Memory, Taken


def search(memory: Memory, key: str, limit: int) -> list[Record]:
    """Return the newest records of messages known by this key: as it is written first, then in any case."""
    if not key or limit < 1:
        return []
    named = [(name, message_id) for name, message_id in _names(memory) if name.casefold() == key.casefold()]
    exact = {message_id for name, message_id in named if name == key} | {key}
    others = ({message_id for _, message_id in named} | {key.lower()}) - exact
    found = _family(memory, exact)[-limit:]
    room = limit - len(found)
    if room and others:
        seen = {line.id for line in found}
        found += [line for line in _family(memory, others) if line.id not in seen][-room:]
    if not found and 8 <= len(key) < 32:
        found = _family(memory, {one for one in _ids(memory) if one.startswith(key)})[-limit:]
    return found


def history(memory: Memory, message_id: str) -> list[Record]:
    """Return what happened to a message, to what was derived from it and to its siblings."""
    known: set[str] = set()
    following = {message_id}
    found: dict[str, Record] = {}
    while following:
        known |= following
        lines = [line for line in memory.journal.values() if line.message_id in following]
        lines += _first_lines(memory, lines, following)
        found |= {line.id: line for line in lines}
        following = {line.child for line in lines if line.child} - known
    related = {line.correlation_id for line in found.values() if line.correlation_id} | {message_id}
    return sorted(({line.id: line for line in _family(memory, related)} | found).values(), key=_by_time)


def _ids(memory: Memory) -> set[str]:
    return {line.message_id for line in memory.journal.values()}


def _names(memory: Memory) -> Iterable[tuple[str, str]]:
    for line in memory.journal.values():
        received = line.kind == "received"
        yield from ((key.value, line.child if received and line.child else line.message_id) for key in line.keys)
        if received and line.text:
            yield line.text, line.message_id
    for row in memory.taken.values():
        yield row.key.key, row.key.message_id


def _family(memory: Memory, ids: set[str]) -> list[Record]:
    lines = [line for line in memory.journal.values() if line.message_id in ids or line.correlation_id in ids]
    return sorted(lines + _first_lines(memory, lines, ids), key=_by_time)


def _first_lines(memory: Memory, lines: Iterable[Record], ids: set[str]) -> list[Record]:
    """Return the intake keys of deliveries that the recorder has not written down yet."""
    written = {line.message_id for line in lines if line.kind == "received"}
    return [_first_line(row) for row in memory.taken.values() if row.key.message_id in ids - written]


def _first_line(row: Taken) -> Record:
    key = row.key
    name = derive("intake", key.endpoint, key.key, key.message_id)
    return Record(id=name, kind="received", message_id=key.message_id, at=key.at, place=key.endpoint, text=key.key)


def _by_time(line: Record) -> tuple[float, str]:
    return line.at, line.id
