"""How a reader of X12 reads: what its format says, as values."""

from __future__ import annotations

from collections.abc import Callable

from esb.formats.edi import options
from esb.formats.edi.machine import Machine
from esb.formats.edi.patterns import Marks


class Options(options.Options, frozen=True, kw_only=True):
    """How a reader reads. `machine` finds the compiled guide of a set: (set, version, separators) -> or None.

    `ta1` says when an interchange is answered by a TA1.
    """

    machine: Callable[[str, str, Marks], Machine | None]
    ta1: str
