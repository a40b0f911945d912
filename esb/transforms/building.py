"""Turns the fields of a mapping into nested closures: (document, scope) -> value, with the place in every error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from esb.contracts import render_where
from esb.errors import ExpressionError, MessageError
from esb.expressions import Expression, MissingError, Scope, each_scope
from esb.expressions.operators import kind_of
from esb.specs import Resources
from esb.transforms.casts import Cast, compile_cast
from esb.transforms.fields import FieldSpec, LookupSpec

Run: TypeAlias = Callable[[Any, Scope], Any]

ABSENT: Any = object()
"""What a field gives when its key is left out."""


class MappingError(ExpressionError):
    """A field cannot be made; `keys` lead to it in the new document, `source` is the path that it reads."""

    def __init__(self, text: str, keys: tuple[str | int, ...] = (), source: str = "") -> None:
        self.text, self.keys, self.source = text, keys, source
        origin = f" (from {source})" if source else ""
        super().__init__(f"{render_where(keys)}: {text}{origin}" if keys else f"{text}{origin}")


def located(error: MessageError, key: str | int) -> MappingError:
    """Return the error one level further out."""
    if isinstance(error, MappingError):
        return MappingError(error.text, (key, *error.keys), error.source)
    return MappingError(str(error), (key,))


def compile_fields(fields: Mapping[str, FieldSpec], resources: Resources) -> Run:
    """Return what builds an object. Raises DefinitionError for a table that cannot be read."""
    runs = [(key, compile_field(spec, resources)) for key, spec in fields.items()]

    def build(root: Any, scope: Scope) -> dict[str, Any]:
        made: dict[str, Any] = {}
        key = ""
        try:
            for key, run in runs:
                value = run(root, scope)
                if value is not ABSENT:
                    made[key] = value
        except MessageError as error:
            raise located(error, key) from error
        return made

    return build


def compile_field(spec: FieldSpec, resources: Resources) -> Run:
    """Return what makes the value of one key, or ABSENT."""
    if spec.each is not None:
        run = _modified(_each(spec, spec.each, resources), spec, cast=None)
    else:
        run = _modified(_made(spec, resources), spec, _cast_of(spec))
    return _conditional(run, spec)


def _cast_of(spec: FieldSpec) -> Cast | None:
    return None if spec.cast is None else compile_cast(spec.cast, spec.from_format, spec.to_format)


def _made(spec: FieldSpec, resources: Resources) -> Run:
    if spec.set is not None:
        return compile_fields(spec.set, resources)
    if spec.lookup is not None:
        return _lookup(spec.lookup, resources)
    return _lenient(spec) if spec.value is not None else lambda root, scope: None


def _lenient(spec: FieldSpec) -> Run:
    """Return what reads the value; where it may be missing, a plain path is looked up without an exception."""
    value = spec.value
    assert value is not None
    if (spec.default is None and not spec.optional) or value.path is None or not value.path.singular:
        return value.run
    look = value.path.look
    return lambda root, scope: look(root, None)


def _modified(run: Run, spec: FieldSpec, cast: Cast | None) -> Run:
    """Put `default`, `optional` and the cast around a value."""
    lenient = spec.optional or spec.default is not None
    if not lenient and cast is None:
        return run
    default = spec.default.run if spec.default is not None else None
    blank = cast is not None and spec.cast != "text"
    source = spec.value.source if spec.value is not None and spec.value.kind == "path" else ""

    def modified(root: Any, scope: Scope) -> Any:
        try:
            value = run(root, scope)
        except MissingError:
            if not lenient:
                raise
            value = None
        if lenient and (value is None or (blank and isinstance(value, str) and not value.strip())):
            return ABSENT if default is None else default(root, scope)
        return value if cast is None else _apply(cast, value, source)

    return modified


def _apply(cast: Cast, value: Any, source: str) -> Any:
    """Cast a value, or each value that a path with many nodes found."""
    if type(value) is not list:
        try:
            return cast(value)
        except ExpressionError as error:
            raise MappingError(str(error), (), source) from None
    made = []
    for index, each in enumerate(value):
        try:
            made.append(cast(each))
        except ExpressionError as error:
            raise MappingError(str(error), (index,), source) from None
    return made


def _conditional(run: Run, spec: FieldSpec) -> Run:
    if spec.when is None:
        return run
    holds = spec.when.test
    return lambda root, scope: run(root, scope) if holds(root, scope) else ABSENT


def _each(spec: FieldSpec, each: Expression, resources: Resources) -> Run:
    """Return what makes a list: one value for each member."""
    inner = _made(spec.model_copy(update={"default": None, "optional": False}), resources)
    cast = _cast_of(spec)
    source = spec.value.source if spec.value is not None and spec.value.kind == "path" else ""
    origin = str(each.source) if each.kind == "path" else ""
    members = each.run

    def build(root: Any, scope: Scope) -> list[Any]:
        found = members(root, scope)
        if type(found) is not list:
            found = _one_member(found, origin)
        whole = scope.get("root", root)
        made = []
        number = 0
        try:
            for number, item in enumerate(found, 1):
                value = inner(item, each_scope(scope, item, number, whole))
                made.append(value if cast is None else _apply(cast, value, source))
        except MessageError as error:
            raise _from_member(located(error, number - 1), origin, number - 1) from error
        return made

    return build


def _one_member(found: Any, origin: str) -> list[Any]:
    """Take an object for a list of one: XML cannot tell one child from a list of one."""
    if type(found) is dict:
        return [found]
    raise MappingError(f"each needs a list, not {kind_of(found)}", (), origin)


def _from_member(error: MappingError, origin: str, index: int) -> MappingError:
    """Write a path of the member as a path of the document: `$.qty` of member 3 is `$.lines[3].qty`."""
    if not error.source.startswith("$") or not origin:
        return error
    return MappingError(error.text, error.keys, f"{origin}[{index}]{error.source[1:]}")


def _lookup(spec: LookupSpec, resources: Resources) -> Run:
    """Return what asks the table."""
    table = resources.table(spec.table)
    ask = _asked(spec, table)
    key_of = spec.key.run
    default = spec.default.run if spec.default is not None else None
    keep, fail = spec.missing == "keep", spec.missing == "fail"

    def look(root: Any, scope: Scope) -> Any:
        key = key_of(root, scope)
        found = ask(key)
        if found is not None:
            return found
        if fail:
            raise ExpressionError(f"the table {spec.table} does not know {_shown(key)}; add it, or write `missing`")
        return key if keep or default is None else default(root, scope)

    return look


def _asked(spec: LookupSpec, table: Any) -> Callable[[Any], Any]:
    column = spec.column
    if spec.reverse:
        return (lambda key: table.reverse(key, column)) if column else table.reverse
    if not column:
        return table.get  # type: ignore[no-any-return]

    def ask(key: Any) -> Any:
        row = table.get(key)
        if not isinstance(row, Mapping):
            return row
        if column not in row:
            raise ExpressionError(f"the table {spec.table} has no column {column!r}; it has {', '.join(row)}")
        return row[column]

    return ask


def _shown(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 80 else f"{text[:77]}…"
