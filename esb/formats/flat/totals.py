"""What the tail of a file says about its documents: how many there are, how many records, and what adds up."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from esb.errors import DefinitionError
from esb.formats.edi.checks import number, read_check
from esb.formats.edi.dictionary import refuse
from esb.formats.edi.grammar import Check, Segment
from esb.formats.edi.paths import Path, path
from esb.reading import Document

_DOCUMENTS, _RECORDS = "documents", "records"


class Total(Struct, frozen=True):
    """One check of the tail: the `field` there, and what it counts (no path: all documents, or records) or adds up."""

    check: Check
    field: str
    paths: tuple[Path, ...]
    records: bool = False

    @property
    def inside(self) -> bool:
        """Whether it looks into documents."""
        return bool(self.paths)


def read_total(document: Document, index: int, given: Any, tail: Segment | None) -> Total:
    """Return a check of the tail. Raises DefinitionError saying what is wrong with it."""
    loc: list[str | int] = ["file", "checks", index]
    try:
        check = read_check(given)
        where, _, field = check.equals.partition(".")
        if where != "tail" or tail is None or field not in [item.name for item in tail.items]:
            raise ValueError("equals: names a field of the tail, such as tail.orders")
        sources = [source.strip() for source in (check.count or check.sum).split("+" if check.sum else ",")]
        if check.count in (_DOCUMENTS, _RECORDS):
            return Total(check, field, (), check.count == _RECORDS)
        if not all(source.startswith(f"{_DOCUMENTS}.") for source in sources):
            raise ValueError("count: is documents, records, or a path documents.lines; sum: documents.total")
        return Total(check, field, tuple(path(source.removeprefix(f"{_DOCUMENTS}.")) for source in sources))
    except (ValueError, DefinitionError) as error:
        raise refuse(document, loc, str(error)) from None


class Counting:
    """The totals of one file under way."""

    def __init__(self, totals: tuple[Total, ...]) -> None:
        self._totals = totals
        self._sums = [Decimal(0)] * len(totals)
        self.documents = self.records = 0
        self.unknown = False
        """Whether a document could not be read: what it would add is not known."""

    def add(self, document: Mapping[str, Any]) -> None:
        """Count a document."""
        self.documents += 1
        for index, total in enumerate(self._totals):
            for source in total.paths:
                if total.check.count:
                    self._sums[index] += source.count(document)
                else:
                    self._sums[index] += sum(number(value) or 0 for value in source.find(document))

    def values(self) -> dict[str, Decimal]:
        """Return what the tail should say by field."""
        return {total.field: self._value(index) for index, total in enumerate(self._totals)}

    def wrong(self, tail: Mapping[str, Any]) -> list[tuple[Check, str]]:
        """Return what the tail says that is not so, in words; a total that is absent is not checked."""
        found: list[tuple[Check, str]] = []
        for index, total in enumerate(self._totals):
            said, right = number(tail.get(total.field)), self._value(index)
            if said is None or said == right or (self.unknown and total.inside):
                continue
            how = "are counted as" if total.check.count else "add up to"
            what = total.check.count or total.check.sum
            found.append((total.check, f"{total.check.id}: {what} {how} {right}, {total.check.equals} says {said}"))
        return found

    def _value(self, index: int) -> Decimal:
        total = self._totals[index]
        return self._sums[index] if total.inside else Decimal(self.records if total.records else self.documents)
