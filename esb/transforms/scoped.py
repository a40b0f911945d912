"""Values inside a mapping: under `each` they may also read `item`, `index` and `root`; elsewhere those are mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from esb.expressions import EACH_NAMES, NAMES, Expression, compile_value
from esb.specs import CONDITION_SCHEMA, VALUE_SCHEMA, Predicate, compiled, predicate

_NAMES: ContextVar[frozenset[str]] = ContextVar("names", default=NAMES)


def known_names() -> frozenset[str]:
    """Return the names that values validated now may read."""
    return _NAMES.get()


@contextmanager
def under_each() -> Iterator[None]:
    """Let values that are validated inside read the member of a list."""
    token = _NAMES.set(EACH_NAMES)
    try:
        yield
    finally:
        _NAMES.reset(token)


if TYPE_CHECKING:
    ScopedValue: TypeAlias = Expression
    ScopedCondition: TypeAlias = Predicate
else:
    ScopedValue = Annotated[Any, compiled(lambda source: compile_value(source, _NAMES.get())), VALUE_SCHEMA]
    ScopedCondition = Annotated[Any, compiled(lambda source: predicate(source, _NAMES.get())), CONDITION_SCHEMA]
