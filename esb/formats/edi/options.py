"""How a reader of EDI reads: what its format says, as values."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from esb.formats.edi.parties import ANYBODY, Parties
from esb.formats.edi.walker import Limits


class Options(Struct, frozen=True, kw_only=True):
    """How a reader reads, whatever the dialect; each adds `machine`, which finds the compiled guide of a set.

    `known` gives the tags of a version. `acknowledge` says how is answered what came. `reject` = what goes down with a
    bad set: the set alone, its group, or its interchange. `carry`: sets without a guide are given as plain segments.
    `unwrap`: line ends within segments are removed. `encoding` = how bytes are read (X12: those that are not UTF-8;
    EDIFACT: all of them, where it beats the character set of the UNB). `limit` bounds a set (and what is held back for
    `reject`), `segment_limit` a segment, both in bytes. Without `bind` sets are checked and counted, and give no
    documents. `parties` = who may send, and to whom; what is not so is refused whole.
    """

    known: Callable[[str], frozenset[str]]
    acknowledge: str
    tolerate: frozenset[str]
    reject: str
    carry: bool
    unwrap: bool
    encoding: str
    limit: int
    segment_limit: int
    limits: Limits = Limits()
    bind: bool = True
    parties: Parties = ANYBODY
