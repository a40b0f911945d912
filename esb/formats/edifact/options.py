"""How a reader of EDIFACT reads: what its format says, as values."""

from __future__ import annotations

from collections.abc import Callable

from esb.formats.edi import options
from esb.formats.edi.machine import Machine
from esb.formats.edi.patterns import Marks


class Options(options.Options, frozen=True, kw_only=True):
    """How a reader reads. `machine` finds the compiled guide of a message: (type, directory, syntax, separators)."""

    machine: Callable[[str, str, str, Marks], Machine | None]
