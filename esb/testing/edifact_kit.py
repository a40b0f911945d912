"""Makes EDIFACT interchanges for tests: the envelope around messages, with everything right unless a test breaks it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from esb.edge import Part
from esb.formats import Edifact
from esb.testing.edi_parts import codes, documents, parts_of

__all__ = ["UNA", "UNB", "answers", "codes", "documents", "grouped", "interchange", "order", "read"]

UNA = "UNA:+.? '"
UNB = "UNB+UNOC:3+5412345000013:14+4012345000009:14+261121:0930+REF0001"
_SEGMENT = re.compile(r"((?:[^?']|\?.)*)'", re.DOTALL)


def order(number: str = "1", *changed: tuple[str, str]) -> str:
    """Return a small valid ORDERS; `changed` replaces texts in it, and UNT counts what is there then."""
    segments = [
        f"UNH+{number}+ORDERS:D:96A:UN",
        f"BGM+220+PO{number}+9",
        "DTM+137:20261121:102",
        "RFF+CT:4477",
        "NAD+BY+5412345000013::9++ACME",
        "NAD+SU+4012345000009::9",
        "LIN+1++4000862141404:EN",
        "QTY+21:10:PCE",
        "PRI+AAA:12.50",
        "LIN+2++4000862141411:EN",
        "QTY+21:4:PCE",
        "UNS+S",
        "CNT+2:2",
    ]
    text = "".join(f"{segment}'" for segment in segments) + f"UNT+COUNT+{number}'"
    for old, new in changed:
        assert old in text, old
        text = text.replace(old, new)
    return text.replace("COUNT", str(len(_SEGMENT.findall(text))))


def interchange(*messages: str, una: str = UNA, unb: str = UNB, count: int | None = None) -> str:
    """Return one interchange without groups."""
    many = len(messages) if count is None else count
    return f"{una}{unb}'{''.join(messages)}UNZ+{many}+REF0001'"


def grouped(*messages: str, count: int | None = None) -> str:
    """Return one interchange of one group."""
    many = len(messages) if count is None else count
    head = "UNG+ORDERS+5412345000013+4012345000009+261121:0930+7+UN+D:96A'"
    return f"{UNA}{UNB}'{head}{''.join(messages)}UNE+{many}+7'UNZ+1+REF0001'"


def read(data: str | bytes, step: int = 1 << 20, **spec: Any) -> list[Part]:
    """Return the parts of an input."""
    return parts_of(Edifact(**spec).build({}).reader("message"), data, step)


def answers(parts: Iterable[Part]) -> list[list[str]]:
    """Return the CONTRLs, each as its segments (with the usual separators)."""
    texts = [part.body.decode("latin-1") for part in parts if part.acknowledgment]
    return [[segment.strip() for segment in _SEGMENT.findall(text.removeprefix(UNA))] for text in texts]
