"""What readers of EDI give, for tests: all parts of an input, and what is to be compared of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from esb.edge import Part
from esb.ports import Reader


def parts_of(reader: Reader, data: str | bytes, step: int) -> list[Part]:
    """Return what a reader gives for an input that comes `step` bytes at once; a text stands for bytes in Latin-1."""
    raw = data.encode("latin-1") if isinstance(data, str) else data
    parts: list[Part] = []
    for at in range(0, len(raw), step):
        parts += reader.feed(raw[at : at + step])
    return parts + list(reader.end())


def documents(parts: Iterable[Part]) -> list[Any]:
    """Return the bodies of the good parts that are no acknowledgments."""
    return [part.body for part in parts if not part.error and not part.acknowledgment]


def codes(parts: Iterable[Part]) -> list[str]:
    """Return the codes of all findings."""
    return [finding.code for part in parts for finding in part.findings]
