"""Steps: one Enterprise Integration Pattern a file, and the table of them all."""

from __future__ import annotations

from typing import Any, Final

from esb.specs import Entry, StepSpec, rebuild, step_union
from esb.steps.call import Call
from esb.steps.choose import Branch, Choose
from esb.steps.deduplicate import Deduplicate
from esb.steps.enrich import Enrich
from esb.steps.filter import Filter
from esb.steps.guard import Guard, Recovery
from esb.steps.hold import Hold
from esb.steps.log import Log
from esb.steps.lookup import Lookup
from esb.steps.publish import Publish
from esb.steps.set import Set
from esb.steps.split import Join, Split
from esb.steps.to import Sending, To
from esb.steps.transform import Transform
from esb.steps.validate import Validate
from esb.steps.wire_tap import WireTap

__all__ = ["ENTRIES", "STEP", "STEPS"]

STEPS: Final[tuple[type[StepSpec], ...]] = (
    Transform,
    Validate,
    Set,
    Choose,
    Filter,
    Split,
    Enrich,
    Deduplicate,
    Lookup,
    WireTap,
    Hold,
    To,
    Publish,
    Call,
    Log,
    Guard,
)

_union, _entries = step_union(STEPS)
ENTRIES: Final[dict[str, type[Entry]]] = _entries
"""The model of a step in its place, by verb."""
STEP: Final[Any] = _union
"""The type of any step in its place: what `AnyStep` means in a spec."""

rebuild([Branch, Choose, Join, Split, Recovery, Guard, Sending, *ENTRIES.values()], AnyStep=STEP)
