"""How a reader of EDIFACT reads: what its format says, as values."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from esb.formats.edi.machine import Machine
from esb.formats.edi.parties import ANYBODY, Parties
from esb.formats.edi.patterns import Marks
from esb.formats.edi.walker import Limits


class Options(Struct, frozen=True):
    """How a reader reads. `machine` finds the compiled guide of a message: (type, directory, syntax, separators).

    `reject` = what goes down with a bad message: the message alone, its group, or its interchange. `carry`: messages
    without a guide are given as plain segments. `limit` bounds a message (and what is held back for `reject`),
    `segment_limit` a segment, both in bytes. `encoding` beats the character set of the UNB. Without `bind` messages
    are checked and counted, and give no documents. `parties` = who may send, and to whom; what is not so is refused.
    """

    machine: Callable[[str, str, str, Marks], Machine | None]
    known: Callable[[str], frozenset[str]]
    acknowledge: str = "contrl"
    tolerate: frozenset[str] = frozenset()
    reject: str = "message"
    carry: bool = False
    unwrap: bool = False
    encoding: str = ""
    limit: int = 64_000_000
    segment_limit: int = 1_000_000
    limits: Limits = Limits()
    bind: bool = True
    parties: Parties = ANYBODY
