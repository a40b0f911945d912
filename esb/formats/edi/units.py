"""The turns of a streamed loop: each line of a huge set becomes a document of its own while the set is read."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from esb.formats.edi.faults import Fault


class Cut(Struct):
    """Where a unit ends: before segment `index` of the run. `number` = which line it was, from 1; 0 = the header.

    `line` is None for the header, for a line with errors (`hurt`), and where nothing is bound.
    """

    index: int
    number: int
    line: dict[str, Any] | None
    faults: list[Fault]
    hurt: bool


class Units:
    """Cuts one set at each turn of its main loop. What is wrong within a line is that line's; all else is the set's.

    `into` = the key of the loop's objects, `depth` = their scope.
    """

    def __init__(self, into: str, depth: int, bind: bool) -> None:
        self.into, self._depth, self._bind = into, depth, bind
        self._hurt: set[int] = set()
        self._faults: dict[int, list[Fault]] = {}
        self.number = 0
        """The line that is being read."""
        self.bad = 0
        """Lines with errors so far."""
        self.header: dict[str, Any] = {}
        """What stands before the first line."""
        self.cuts: list[Cut] = []
        """Cuts of this run that nobody has taken yet."""

    def note(self, line: int, fault: Fault) -> None:
        """Remember a fault of a line."""
        self._faults.setdefault(line, []).append(fault)

    def hurt(self, line: int) -> None:
        """Remember that a line has an error: it has no document."""
        self._hurt.add(line)

    def cut(self, index: int, opens: bool, scopes: list[dict[str, Any]]) -> bool:
        """End a unit before segment `index`; return whether the next one (a line, if it `opens` one) may be bound."""
        number, line = self.number, None
        if number:
            held = scopes[self._depth - 1].pop(self.into, None)
            line = scopes[self._depth] if held else None
        else:
            self.header = dict(scopes[0])
        hurt = number in self._hurt
        self.bad += hurt
        self._hurt.discard(number)
        self.cuts.append(Cut(index, number, None if hurt else line, self._faults.pop(number, []), hurt))
        self.number += opens
        return self._bind and not (opens and self.number in self._hurt)

    def take(self) -> list[Cut]:
        """Return the cuts since the last call."""
        found, self.cuts = self.cuts, []
        return found
