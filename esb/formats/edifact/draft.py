"""An EDIFACT interchange that is written but for its control references (0020, and 0048 of groups)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

from msgspec import Struct

from esb.edge import Written
from esb.message import Numbered, Scope

DERIVED = 899_999_999
"""Derived control references are 1 to this; those above answer (CONTRL)."""


class Batch(Struct, frozen=True):
    """Messages of one type, each as its segments; a group of its own where the profile wants groups."""

    kind: str
    messages: tuple[list[str], ...]
    number: str = ""


class Frame(Struct, frozen=True):
    """The envelope. `unb` and `ung` write a header with a reference; `interchange` and `group` are lines of numbers.

    `group` is None where there are no groups. `asked`: the reference that the documents ask for; `owed`: whether the
    partner owes a CONTRL.
    """

    unb: Callable[[str], str]
    ung: Callable[[Batch, str], str]
    mark: str
    end: str
    codec: str
    interchange: Scope
    group: Callable[[str], Scope] | None
    headers: Mapping[str, str]
    asked: str = ""
    owed: bool = False


class Draft:
    """`esb.edge.Draft`: knows all but the references. Those that the documents ask for are theirs."""

    def __init__(self, frame: Frame, batches: Sequence[Batch]) -> None:
        self._frame, self._batches = frame, batches
        grouped = [(frame.group(batch.kind), batch.number) for batch in batches] if frame.group is not None else []
        self._lines = [(frame.interchange, frame.asked), *grouped]

    @property
    def wants(self) -> tuple[Scope, ...]:
        """The lines of numbers from which it needs the next one each."""
        return tuple(scope for scope, asked in self._lines if not asked)

    @property
    def kind(self) -> str:
        """The types of its messages."""
        return "+".join(batch.kind for batch in self._batches)

    @property
    def derived(self) -> int:
        """A number that its content has always, for whoever keeps no numbers."""
        digest = blake2b(digest_size=8)
        for batch in self._batches:
            for message in batch.messages:
                digest.update("\0".join(message).encode())
        return int.from_bytes(digest.digest()) % DERIVED + 1

    def write(self, numbers: Sequence[int]) -> Written:
        """Return the interchange; `numbers` are those that it wants, in their order."""
        left = iter(numbers)
        references = [asked or str(next(left)) for _, asked in self._lines]
        frame, mark = self._frame, self._frame.mark
        lines = [frame.unb(references[0])]
        count = 0
        for position, batch in enumerate(self._batches, 1):
            if frame.group is not None:
                lines.append(frame.ung(batch, references[position]))
            for message in batch.messages:
                lines += message
                count += 1
            if frame.group is not None:
                lines.append(mark.join(["UNE", str(len(batch.messages)), references[position]]))
        count = len(self._batches) if frame.group is not None else count
        lines.append(mark.join(["UNZ", str(count), references[0]]))
        known = tuple(
            Numbered(scope, int(reference), frame.owed)
            for (scope, _), reference in zip(self._lines, references, strict=True)
            if reference.isascii() and reference.isdigit()
        )
        headers = {**frame.headers, "edi_interchange": references[0]}
        return Written((frame.end.join(lines) + frame.end).encode(frame.codec), known, headers)
