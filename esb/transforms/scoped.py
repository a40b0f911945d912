"""Values inside a mapping: under `each` they may also read `item`, `index` and `root`; elsewhere those are mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import PlainValidator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from esb.errors import ExpressionSyntaxError
from esb.expressions import EACH_NAMES, NAMES, Expression, compile_predicate, compile_value
from esb.specs import Predicate

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


def _validator(compile_source: Callable[[Any, frozenset[str]], Any]) -> Callable[[Any], Any]:
    def validate(source: Any) -> Any:
        try:
            return compile_source(source, _NAMES.get())
        except ExpressionSyntaxError as error:
            context = {"offset": error.offset, "length": error.length, "help": error.help, "code": error.code}
            raise PydanticCustomError("expression", "{problem}", {"problem": error.text, **context}) from error

    return validate


def _predicate(source: Any, names: frozenset[str]) -> Predicate:
    if not isinstance(source, str | bool):
        raise ExpressionSyntaxError(
            "a condition is a path or an expression", help='write "$.path" or "{{ expression }}"'
        )
    return Predicate(source, compile_predicate(source, names))


_ANY = {"type": ["string", "number", "boolean", "object", "array", "null"]}
if TYPE_CHECKING:
    ScopedValue: TypeAlias = Expression
    ScopedCondition: TypeAlias = Predicate
else:
    ScopedValue = Annotated[
        Any, PlainValidator(_validator(compile_value)), WithJsonSchema({**_ANY, "x-esb-value": True})
    ]
    ScopedCondition = Annotated[
        Any,
        PlainValidator(_validator(_predicate)),
        WithJsonSchema({"type": ["string", "boolean"], "x-esb-value": True}),
    ]
