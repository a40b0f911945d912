"""How a reader of X12 reads: what its format says, as values."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from esb.formats.edi.machine import Machine
from esb.formats.edi.parties import ANYBODY, Parties
from esb.formats.edi.patterns import Marks
from esb.formats.edi.walker import Limits


class Options(Struct, frozen=True):
    """How a reader reads. `machine` finds the compiled guide of a set: (set, version, separators) -> or None.

    `reject` = what goes down with a bad set: the set alone, its group, or its interchange. `carry`: sets without a
    guide are given as plain segments. `limit` bounds a transaction set (and what is held back for `reject`),
    `segment_limit` a segment, both in bytes. Without `bind` sets are checked and counted, and give no documents.
    `parties` = who may send, and to whom; what is not so is refused whole.
    """

    machine: Callable[[str, str, Marks], Machine | None]
    known: Callable[[str], frozenset[str]]
    acknowledge: str = "997"
    ta1: str = "on-error"
    tolerate: frozenset[str] = frozenset()
    reject: str = "set"
    carry: bool = False
    unwrap: bool = False
    encoding: str = "latin-1"
    limit: int = 64_000_000
    segment_limit: int = 1_000_000
    limits: Limits = Limits()
    bind: bool = True
    parties: Parties = ANYBODY
