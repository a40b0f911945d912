"""An X12 interchange that is written but for its control numbers (ISA13 and IEA02, GS06 and GE02)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from esb.edge import Written
from esb.message import Numbered, Scope


class Group(Struct, frozen=True):
    """A functional group: its type, its sets as segments, and the number that the documents ask for (0 = none)."""

    kind: str
    sets: tuple[list[str], ...]
    number: int = 0


class Frame(Struct, frozen=True):
    """The envelope. `isa` and `gs` write a header with a number; `interchange` and `group` are the lines of numbers.

    `asked`: the interchange number that the documents ask for, 0 = none; `ta1`: whether the partner owes a TA1.
    """

    isa: Callable[[int], str]
    gs: Callable[[str, int], str]
    mark: str
    end: str
    interchange: Scope
    group: Callable[[str], Scope]
    headers: Mapping[str, str]
    asked: int = 0
    ta1: bool = False


class Draft:
    """`esb.edge.Draft`: knows all but the numbers. Numbers that the documents ask for are theirs."""

    def __init__(self, frame: Frame, groups: Sequence[Group]) -> None:
        self._frame, self._groups = frame, groups
        self._scopes = (frame.interchange, *(frame.group(group.kind) for group in groups))
        self._asked = (frame.asked, *(group.number for group in groups))

    @property
    def wants(self) -> tuple[Scope, ...]:
        """The lines of numbers from which it needs the next one each."""
        return tuple(scope for scope, asked in zip(self._scopes, self._asked, strict=True) if not asked)

    @property
    def kind(self) -> str:
        """The types of its groups."""
        return "+".join(group.kind for group in self._groups)

    def write(self, numbers: Sequence[int]) -> Written:
        """Return the interchange; `numbers` are those that it wants, in their order."""
        left = iter(numbers)
        control, *groups = (asked or next(left) for asked in self._asked)
        frame, mark = self._frame, self._frame.mark
        lines = [frame.isa(control)]
        for group, number in zip(self._groups, groups, strict=True):
            lines.append(frame.gs(group.kind, number))
            lines += [segment for segments in group.sets for segment in segments]
            lines.append(mark.join(["GE", str(len(group.sets)), str(number)]))
        lines.append(mark.join(["IEA", str(len(groups)), f"{control:09d}"]))
        owed = (frame.ta1, *(group.kind != "FA" for group in self._groups))
        known = zip(self._scopes, (control, *groups), owed, strict=True)
        headers = {**frame.headers, "edi_interchange": f"{control:09d}", "edi_group": ",".join(map(str, groups))}
        return Written((frame.end.join(lines) + frame.end).encode(), tuple(Numbered(*one) for one in known), headers)
