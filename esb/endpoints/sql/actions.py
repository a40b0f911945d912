"""Actions: what is written for a message: rows of a table, or a statement. Values are bound, never part of a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator
from sqlalchemy import TextClause, text

from esb.expressions import EACH_NAMES, Expression, compile_value, each_scope
from esb.specs import VALUE_SCHEMA, PathText, Spec, compiled

NAME = r"^[A-Za-z_][A-Za-z0-9_$]{0,62}(\.[A-Za-z_][A-Za-z0-9_$]{0,62})?$"
"""A table, perhaps with its schema, or a column."""

if TYPE_CHECKING:
    RowValue: TypeAlias = Expression
    Statement: TypeAlias = str
else:
    RowValue = Annotated[Any, compiled(lambda source: compile_value(source, EACH_NAMES | {"content"})), VALUE_SCHEMA]
    Statement = Annotated[str, Field(min_length=1, max_length=20_000)]

_BLANKED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


def statement_fault(statement: str, given: frozenset[str]) -> str:
    """Return why a statement cannot be used with values of these names, or an empty text."""
    if "{{" in statement or "{%" in statement:
        return "values do not belong into the text of a statement; write :name, and the value under values"
    bare = _BLANKED.sub(" ", statement)
    if ";" in bare.strip().rstrip(";"):
        return "write one statement"
    missing = names_in(statement) - given
    if missing:
        return f"the statement reads :{min(missing)}, which is not given"
    unused = given - names_in(statement)
    return f"the statement does not read :{min(unused)}" if unused else ""


def names_in(statement: str) -> frozenset[str]:
    """Return the names of the values that a statement reads: `:name`."""
    clause: TextClause = text(statement)
    return frozenset(clause._bindparams)


class Action(Spec):
    """One thing that is written: a row, or one for each item of a list."""

    insert: str | None = Field(None, pattern=NAME, description="Adds a row to this table.")
    upsert: str | None = Field(
        None, pattern=NAME, description="Adds a row to this table, or replaces its values there."
    )
    key: tuple[Annotated[str, Field(pattern=NAME)], ...] = Field((), description="upsert: columns that name a row.")
    run: Statement | None = Field(None, description='Runs a statement: "UPDATE stock SET qty = :qty WHERE sku = :sku".')
    each: PathText | None = Field(None, description="Once for each item of this list: $.lines")
    values: dict[Annotated[str, Field(pattern=NAME)], RowValue] = Field(
        default_factory=dict, description="Column (or name in the statement): its value."
    )
    expect: Literal["any", "some", "one"] = Field("any", description="run: how many rows it must change.")

    @model_validator(mode="after")
    def _one_way(self) -> Action:
        if len([way for way in (self.insert, self.upsert, self.run) if way is not None]) != 1:
            raise ValueError("write one of: insert, upsert, run")
        if self.run is not None:
            if fault := statement_fault(self.run, frozenset(self.values)):
                raise ValueError(fault)
        elif not self.values or self.expect != "any":
            raise ValueError("insert and upsert need values, and expect belongs to run")
        if bool(self.key) != (self.upsert is not None):
            raise ValueError("key belongs to upsert: the columns that name a row")
        if missing := [column for column in self.key if column not in self.values]:
            raise ValueError(f"values has no {missing[0]}, which is part of the key")
        return self

    @property
    def table(self) -> str:
        """The table that rows go to, or nothing for a statement."""
        return self.insert or self.upsert or ""

    def rows(self, root: Any, scope: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the values of every row, by column; under `each` a path begins at the item.

        Raises:
            ExpressionError: A row has no value for a column.
        """
        if self.each is None:
            return [{name: value(root, scope) for name, value in self.values.items()}]
        members = self.each.get(root)
        listed = members if isinstance(members, list) else [members]
        return [
            {name: value(item, each_scope(scope, item, index, root)) for name, value in self.values.items()}
            for index, item in enumerate(listed, 1)
        ]
