"""Values: paths, expressions and conditions, compiled when the file is read; a slip is told where in the text it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import PlainValidator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from esb.errors import ExpressionSyntaxError
from esb.expressions import NAMES, Expression, Path, compile_path, compile_predicate, compile_value

VALUE_SCHEMA = WithJsonSchema({"type": ["string", "number", "boolean", "object", "array", "null"], "x-esb-value": True})
"""What an editor is told of a value: anything."""

CONDITION_SCHEMA = WithJsonSchema({"type": ["string", "boolean"], "x-esb-value": True})
"""What an editor is told of a condition."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition: true if its path selects something or its expression is true. Called with (root, scope)."""

    source: Any
    test: Callable[[Any, Mapping[str, Any]], bool]

    def __call__(self, root: Any, scope: Mapping[str, Any]) -> bool:
        return self.test(root, scope)


def compiled(compile_text: Callable[[Any], Any]) -> PlainValidator:
    """Return the validator of a type whose texts are compiled; it reports where in the text reading stopped."""

    def validate(source: Any) -> Any:
        try:
            return compile_text(source)
        except ExpressionSyntaxError as error:
            context = {"offset": error.offset, "length": error.length, "help": error.help, "code": error.code}
            raise PydanticCustomError("expression", "{problem}", {"problem": error.text, **context}) from error

    return PlainValidator(validate)


def predicate(source: Any, names: frozenset[str] = NAMES) -> Predicate:
    """Return the condition that a path, an expression or a truth value stands for; `names` are those it may read.

    Raises:
        ExpressionSyntaxError: It is none of these, or it does not parse.
    """
    if not isinstance(source, str | bool):
        raise ExpressionSyntaxError(
            "a condition is a path or an expression", help='write "$.path" or "{{ expression }}"'
        )
    return Predicate(source, compile_predicate(source, names))


def _path(source: Any) -> Path:
    if not isinstance(source, str):
        raise PydanticCustomError(
            "path", "{value} is not a path", {"value": repr(source), "help": 'paths begin with "$"'}
        )
    return compile_path(source)


if TYPE_CHECKING:
    Value: TypeAlias = Expression
    Condition: TypeAlias = Predicate
    PathText: TypeAlias = Path
else:
    Value = Annotated[Any, compiled(compile_value), VALUE_SCHEMA]
    Condition = Annotated[Any, compiled(predicate), CONDITION_SCHEMA]
    PathText = Annotated[Any, compiled(_path), WithJsonSchema({"type": "string", "pattern": r"^\$"})]
