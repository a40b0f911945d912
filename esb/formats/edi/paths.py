"""Paths through documents, as checks write them: `lines.qty`, `lines.ids.upc|ean`, `**.marks[qualifier=GM].number`.

Lists on the way are gone through. `a|b` takes either, also where a key came again (`upc_2`); `*` any key, `level_*` any
that begins so, `**` every object at any depth, `[name=value]` only objects that hold it (or one of `value|other`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from esb.errors import DefinitionError

_STEP = re.compile(r"(?P<name>\*\*|\*|\w+\*?(?:\|\w+\*?)*)(?:\[(?P<key>\w+)=(?P<value>[^\]]*)\])?")
_APART = re.compile(r"\.(?![^\[]*\])")
_DEEPEST = 100
"""Objects within objects that `**` goes through."""


_NOT_PLAIN = object()
"""Stands for what lies behind a list: it takes a closer look."""


class Lost(Exception):
    """What a path leads to has left already: the lines of a streamed set are counted, not kept."""


class Path:
    """A compiled path. Raises DefinitionError if it is none."""

    def __init__(self, source: str) -> None:
        self.source = source.strip()
        self._steps: list[tuple[tuple[str, ...], str, tuple[str, ...]]] = []
        for part in _APART.split(self.source):
            match = _STEP.fullmatch(part)
            if match is None:
                raise DefinitionError(f"{source!r} is no path; write lines.qty, lines.ids.upc|ean or **.marks")
            self._steps.append(
                (tuple(match["name"].split("|")), match["key"] or "", tuple((match["value"] or "").split("|")))
            )

        plain = all(len(names) == 1 and names[0][-1] != "*" and not key for names, key, _ in self._steps)
        self._names = tuple(names[0] for names, _, _ in self._steps) if plain else ()

    def find(self, document: Any) -> list[Any]:
        """Return what it leads to. Raises Lost if that was streamed away."""
        if self._names:
            held = document
            for name in self._names:
                held = held.get(name) if type(held) is dict else _NOT_PLAIN
                if held is None:
                    return []
            if type(held) is not list and type(held) is not range and held is not _NOT_PLAIN:
                return [held]
        found = [document]
        for names, key, values in self._steps:
            if not key and len(names) == 1 and names[0][-1] != "*":
                found = _plain(found, names[0])
                continue
            found = _items(held for within in found for held in _held(within, names))
            if key:
                found = [held for held in found if isinstance(held, dict) and str(held.get(key, "")) in values]
        return found

    def count(self, document: Any) -> int:
        """Return how many there are; lines that were streamed away still count."""
        *before, (names, key, _) = self._steps
        if not before and not key and len(names) == 1 and isinstance(document, dict):
            return len(document.get(names[0], ()))
        return len(self.find(document))


@lru_cache(1000)
def path(source: str) -> Path:
    """Return a compiled path."""
    return Path(source)


@lru_cache(1000)
def alternatives(source: str) -> tuple[Path, ...]:
    """Return the paths of `a.b, c`: any of them."""
    return tuple(path(part) for part in source.split(","))


@lru_cache(1000)
def added(source: str) -> tuple[Path, ...]:
    """Return the paths of `a.b + c`: what they lead to counts together."""
    return tuple(path(part) for part in source.split("+"))


def _plain(found: list[Any], name: str) -> list[Any]:
    """Return what stands under one key, with lists gone through: nearly every step is this."""
    items: list[Any] = []
    for within in found:
        held = within.get(name) if type(within) is dict else None
        if type(held) is list:
            items += held
        elif type(held) is range:
            raise Lost
        elif held is not None:
            items.append(held)
    return items


def _held(within: Any, names: tuple[str, ...]) -> Iterator[Any]:
    if not isinstance(within, dict):
        return
    first = names[0]
    if first == "**":
        yield from _deep(within)
    elif first == "*":
        yield from within.values()
    elif len(names) == 1 and first[-1] != "*":
        if first in within:
            yield within[first]
    else:
        for name in names:
            if name[-1] == "*":
                yield from (held for key, held in within.items() if key.startswith(name[:-1]))
                continue
            number = 2
            while name in within:
                yield within[name]
                name = f"{name.removesuffix(f'_{number - 1}') if number > 2 else name}_{number}"
                number += 1


def _items(found: Iterator[Any]) -> list[Any]:
    """Return values with lists gone through."""
    items: list[Any] = []
    for held in found:
        if isinstance(held, list):
            items += held
        elif isinstance(held, range):
            raise Lost
        else:
            items.append(held)
    return items


def _deep(within: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stack: list[tuple[Any, int]] = [(within, 0)]
    while stack:
        held, depth = stack.pop()
        if isinstance(held, range):
            raise Lost
        if isinstance(held, dict):
            yield held
        elif not isinstance(held, list):
            continue
        if depth < _DEEPEST:
            inner = list(held.values() if isinstance(held, dict) else held)
            stack += ((value, depth + 1) for value in reversed(inner) if isinstance(value, dict | list | range))
