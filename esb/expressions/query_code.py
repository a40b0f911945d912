"""Turns a query into a Python function: nested loops over plain dicts and lists, about 20 times as fast as a walker.

A generated function takes (root, node) and returns the list of selected values in the order of RFC 9535. Nothing of
the query's text reaches the generated code but through `repr` of names and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

from esb.expressions.comparisons import FUNCTIONS, NOTHING, NUMBERS, at_most, equal, less
from esb.expressions.queries import (
    And,
    Argument,
    Call,
    Comparison,
    Exists,
    Filter,
    Index,
    Literal,
    Logical,
    Name,
    Not,
    Or,
    Query,
    Segment,
    Selector,
    Slice,
    Wildcard,
)

Find: TypeAlias = Callable[[Any, Any], list[Any]]

AT_ONCE = 8
"""Segments compiled into one function; Python allows 20 nested loops, and each segment needs up to two."""


def walk(value: Any) -> Iterator[Any]:
    """Give the value and everything below it, parents first, without recursion."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        yield found
        if type(found) is list:
            waiting.extend(reversed(found))
        elif type(found) is dict:
            waiting.extend(reversed(found.values()))


def children(value: Any) -> Any:
    """Return what can be iterated over for the children of a node."""
    return value if type(value) is list else value.values() if type(value) is dict else ()


def compile_find(query: Query) -> Find:
    """Return a function (root, node) -> values; an absolute query begins at root, a relative one at node."""
    parts = [query.segments[at : at + AT_ONCE] for at in range(0, len(query.segments), AT_ONCE)] or [()]
    first = _Code(query.relative).function(parts[0])
    for part in parts[1:]:
        first = _chained(first, _Code(relative=True).function(part))
    return first


def _chained(first: Find, second: Find) -> Find:
    def find(root: Any, node: Any) -> list[Any]:
        return [value for middle in first(root, node) for value in second(root, middle)]

    return find


class _Code:
    """Writes one function. `constants` are the values that the code refers to."""

    def __init__(self, relative: bool) -> None:
        self.begin = "node" if relative else "root"
        self.lines: list[str] = []
        self.number = 0
        self.constants: dict[str, Any] = {
            "NOTHING": NOTHING,
            "NUMBERS": NUMBERS,
            "walk": walk,
            "children": children,
            "equal": equal,
            "less": less,
            "at_most": at_most,
        }

    def function(self, segments: tuple[Segment, ...]) -> Find:
        self.emit(0, "def find(root, node):")
        self.emit(1, "found = []")
        self.write(segments, self.begin, 1)
        self.emit(1, "return found")
        exec(compile("\n".join(self.lines), "<path>", "exec"), self.constants)  # noqa: S102
        made: Find = self.constants["find"]
        return made

    def variable(self) -> str:
        self.number += 1
        return f"v{self.number}"

    def constant(self, value: Any) -> str:
        self.number += 1
        self.constants[f"c{self.number}"] = value
        return f"c{self.number}"

    def emit(self, depth: int, line: str) -> None:
        self.lines.append(" " * depth + line)

    def write(self, segments: tuple[Segment, ...], node: str, depth: int) -> None:
        """Write the loops for these segments, beginning at the variable `node`."""
        if not segments:
            self.emit(depth, f"found.append({node})")
            return
        segment, rest = segments[0], segments[1:]
        if segment.descend:
            below = self.variable()
            self.emit(depth, f"for {below} in walk({node}):")
            node, depth = below, depth + 1
        if len(segment.selectors) == 1:
            value, inner = self.select(segment.selectors[0], node, depth)
            self.write(rest, value, inner)
            return
        middle, value = self.variable(), self.variable()
        self.emit(depth, f"{middle} = []")  # collected first: the code stays as long as the query
        for selector in segment.selectors:
            chosen, inner = self.select(selector, node, depth)
            self.emit(inner, f"{middle}.append({chosen})")
        self.emit(depth, f"for {value} in {middle}:")
        self.write(rest, value, depth + 1)

    def select(self, selector: Selector, node: str, depth: int) -> tuple[str, int]:
        """Write what selects children; return the variable that holds each and the depth at which it does."""
        value = self.variable()
        if isinstance(selector, Name):
            self.emit(depth, f"if type({node}) is dict:")
            self.emit(depth + 1, f"{value} = {node}.get({selector.name!r}, NOTHING)")
            self.emit(depth + 1, f"if {value} is not NOTHING:")
            return value, depth + 2
        if isinstance(selector, Index):
            self.emit(depth, f"if type({node}) is list and {_within(selector.index, node)}:")
            self.emit(depth + 1, f"{value} = {node}[{selector.index}]")
            return value, depth + 1
        if isinstance(selector, Slice):
            bounds = ":".join("" if bound is None else str(bound) for bound in (selector.start, selector.end))
            step = "" if selector.step is None else f":{selector.step}"
            empty = " and False" if selector.step == 0 else ""
            self.emit(depth, f"if type({node}) is list{empty}:")
            self.emit(depth + 1, f"for {value} in {node}[{'0:0' if empty else bounds + step}]:")
            return value, depth + 2
        self.emit(depth, f"for {value} in children({node}):")
        if isinstance(selector, Wildcard):
            return value, depth + 1
        assert isinstance(selector, Filter)
        self.emit(depth + 1, f"if {self.condition(selector.condition, value)}:")
        return value, depth + 2

    def condition(self, condition: Logical, node: str) -> str:
        """Return a Python expression that is true when the condition holds for the node."""
        if isinstance(condition, And):
            return "(" + " and ".join(self.condition(operand, node) for operand in condition.operands) + ")"
        if isinstance(condition, Or):
            return "(" + " or ".join(self.condition(operand, node) for operand in condition.operands) + ")"
        if isinstance(condition, Not):
            return f"(not {self.condition(condition.operand, node)})"
        if isinstance(condition, Exists):
            if condition.query.singular:
                return f"({self.value(condition.query, node)} is not NOTHING)"
            return self.nodes(condition.query, node)
        if isinstance(condition, Comparison):
            return self.comparison(condition, node)
        return self.value(condition, node)

    def comparison(self, comparison: Comparison, node: str) -> str:
        operator = comparison.operator
        left, right = self.value(comparison.left, node), self.value(comparison.right, node)
        if operator in {"==", "!="}:
            negation = "not " if operator == "!=" else ""
            return f"({negation}{self.equality(comparison, left, right)})"
        if operator in {">", ">="}:
            left, right = right, left
        return f"{'less' if operator in {'<', '>'} else 'at_most'}({left}, {right})"

    def equality(self, comparison: Comparison, left: str, right: str) -> str:
        literals = [side for side in (comparison.left, comparison.right) if isinstance(side, Literal)]
        if len(literals) == 1 and type(literals[0].value) is str:
            return f"{left} == {right}"  # a str equals a str only
        if len(literals) == 1 and (literals[0].value is None or type(literals[0].value) is bool):
            return f"{left} is {right}"
        return f"equal({left}, {right})"

    def value(self, operand: Argument, node: str) -> str:
        """Return a Python expression for a value: a literal, what a singular query selects, or a function's result."""
        if isinstance(operand, Literal):
            plain = type(operand.value) is not Decimal
            return repr(operand.value) if plain else self.constant(operand.value)
        if isinstance(operand, Query):
            return self.selected(operand, node)
        if isinstance(operand, Call):
            function = self.constant(FUNCTIONS[operand.name])
            nodes = operand.name in {"count", "value"}
            given = [self.nodes(each, node) if nodes else self.value(each, node) for each in operand.arguments]  # type: ignore[arg-type]
            return f"{function}({', '.join(given)})"
        return self.condition(operand, node)

    def selected(self, query: Query, node: str) -> str:
        code = node if query.relative else "root"
        for segment in query.segments:
            selector, held = segment.selectors[0], self.variable()
            if isinstance(selector, Name):
                code = f"({held}.get({selector.name!r}, NOTHING) if type({held} := {code}) is dict else NOTHING)"
            else:
                assert isinstance(selector, Index)
                within = _within(selector.index, held)
                found = f"{held}[{selector.index}]"
                code = f"({found} if type({held} := {code}) is list and {within} else NOTHING)"
        return code

    def nodes(self, query: Query, node: str) -> str:
        """Return a Python expression for the list of values that a query inside a filter selects."""
        return f"{self.constant(compile_find(query))}(root, {node})"


def _within(index: int, node: str) -> str:
    return f"len({node}) > {index}" if index >= 0 else f"len({node}) >= {-index}"
