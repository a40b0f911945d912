"""Makes interchanges for tests: the envelope around sets, with everything right unless a test breaks it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from esb.edge import Part
from esb.formats import X12
from esb.testing.edi_parts import codes, documents, parts_of

__all__ = ["ISA", "answers", "codes", "documents", "interchange", "order", "read"]

ISA = "ISA*00*          *00*          *08*6112390050     *ZZ*HOUSE          *261121*0930*U*00401*000000101*0*P*>"


def order(number: str = "0001", *changed: tuple[str, str]) -> str:
    """Return a small valid 850; `changed` replaces texts in it."""
    segments = [
        f"ST*850*{number}",
        f"BEG*00*SA*PO{number}**20261121",
        "REF*DP*038",
        "N1*ST*ACME DC*92*0042",
        "N3*1 Main St",
        "N4*Springfield*IL*62701",
        "PO1*1*10*EA*12.50**VP*SKU-1*UP*012345678905",
        "PID*F****Widget",
        "PO1*2*4*CA*3**VP*SKU-2",
        "CTT*2",
        f"SE*11*{number}",
    ]
    text = "".join(f"{segment}~" for segment in segments)
    for old, new in changed:
        assert old in text, old
        text = text.replace(old, new)
    return text


def interchange(*sets: str, gs: str = "PO", version: str = "004010", count: int | None = None) -> str:
    """Return one interchange of one group."""
    many = len(sets) if count is None else count
    head = f"{ISA}~GS*{gs}*ACME*HOUSE*20261121*0930*7*X*{version}~"
    return f"{head}{''.join(sets)}GE*{many}*7~IEA*1*000000101~"


def read(data: str | bytes, step: int = 1 << 20, **spec: Any) -> list[Part]:
    """Return the parts of an input."""
    return parts_of(X12(**spec).build({}).reader("transaction"), data, step)


def answers(parts: Iterable[Part]) -> list[list[str]]:
    """Return the acknowledgments, each as its segments."""
    texts = [part.body.decode("latin-1") for part in parts if part.acknowledgment]
    return [[segment.strip() for segment in text.split(text[105]) if segment.strip()] for text in texts]
