"""Turns Jinja expressions into plain Python functions, about 30 times as fast as Jinja's own call.

The meaning is that of the sandbox: the same members, operators, filters and tests. No text of the expression reaches
the generated code but through `repr` and constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from jinja2 import nodes

from esb.errors import ExpressionSyntaxError
from esb.expressions import operators
from esb.expressions.filters import FILTERS, TESTS
from esb.expressions.sandbox import GLOBALS

_BINARY: dict[type, str] = {
    nodes.Add: "add",
    nodes.Sub: "subtract",
    nodes.Mul: "multiply",
    nodes.Div: "divide",
    nodes.FloorDiv: "floor_divide",
    nodes.Mod: "modulo",
    nodes.Pow: "power",
}
_COMPARE = {
    "eq": "==",
    "ne": "!=",
    "gt": ">",
    "gteq": ">=",
    "lt": "<",
    "lteq": "<=",
    "in": "in",
    "notin": "not in",
}
_LOOK_AT_MISSING = frozenset({"default", "defined", "undefined"})
"""Filters and tests that may see what is missing; anything else gets a value or fails."""


_DOCUMENTS = frozenset({"body", "item", "index", "root", "partner", "route"})
"""Names whose values are documents all through; of others (dates, messages, headers) parts may have to become some."""


def compile_typed(node: nodes.Expr) -> Callable[[Any, Any], Any]:
    """Return a function (root, scope) -> document for one expression."""
    foreign = any(
        name.name not in _DOCUMENTS for name in [node, *node.find_all(nodes.Name)] if isinstance(name, nodes.Name)
    )
    code = Code(deep=foreign or isinstance(node, nodes.Call) or node.find(nodes.Call) is not None)
    return code.function(code.result(node))


def compile_text(parts: Sequence[nodes.Expr]) -> Callable[[Any, Any], str]:
    """Return a function (root, scope) -> text for plain text with expressions between."""
    code = Code()
    texts = [
        repr(part.data) if isinstance(part, nodes.TemplateData) else f"text_of({code.value(part)})" for part in parts
    ]
    return code.function(f"''.join(({', '.join(texts)},))")


class Code:
    """Writes one expression; `constants` are the values that the code refers to."""

    def __init__(self, deep: bool = False) -> None:
        self.constants: dict[str, Any] = {
            name: getattr(operators, name)
            for name in (*_BINARY.values(), "member", "need", "cut", "method", "text_of", "concatenated")
        }
        self.constants["document_of"] = operators.deep_document_of if deep else operators.document_of
        self.number = 0

    def function(self, code: str) -> Callable[[Any, Any], Any]:
        source = f"lambda root, scope: {code}"
        try:
            made: Callable[[Any, Any], Any] = eval(compile(source, "<expression>", "eval"), self.constants)  # noqa: S307
        except (SyntaxError, RecursionError, MemoryError):
            raise ExpressionSyntaxError("the expression is nested too deep") from None
        return made

    def constant(self, value: Any) -> str:
        self.number += 1
        self.constants[f"c{self.number}"] = value
        return f"c{self.number}"

    def result(self, node: nodes.Expr) -> str:
        """Write a value that becomes part of a document."""
        if isinstance(node, nodes.Const) and not isinstance(node.value, Decimal):
            return repr(node.value)
        if isinstance(node, nodes.Dict):
            pairs = (f"text_of({self.value(pair.key)}): {self.result(pair.value)}" for pair in node.items)
            return f"{{{', '.join(pairs)}}}"
        if isinstance(node, nodes.List | nodes.Tuple):
            return f"[{', '.join(map(self.result, node.items))}]"
        return f"document_of({self.value(node)})"

    def value(self, node: nodes.Node, missing: bool = False) -> str:
        """Write a value; `missing` = whoever takes it may look at one that is missing."""
        write = getattr(self, f"write_{type(node).__name__.lower()}", None)
        if write is not None:
            written: str = write(node)
            return written
        if isinstance(node, nodes.Getattr):
            return self.member(node.node, repr(node.attr), missing)
        if isinstance(node, nodes.Getitem):
            if isinstance(node.arg, nodes.Slice):
                bounds = (node.arg.start, node.arg.stop, node.arg.step)
                written = ", ".join("None" if bound is None else self.value(bound) for bound in bounds)
                return f"cut({self.value(node.node)}, slice({written}))"
            return self.member(node.node, self.value(node.arg), missing)
        if isinstance(node, nodes.And | nodes.Or):
            word = "and" if isinstance(node, nodes.And) else "or"
            return f"({self.value(node.left, missing)} {word} {self.value(node.right, missing)})"
        if isinstance(node, nodes.CondExpr):
            assert node.expr2 is not None  # checked before
            chosen, other = self.value(node.expr1, missing), self.value(node.expr2, missing)
            return f"({chosen} if {self.value(node.test)} else {other})"
        if isinstance(node, nodes.BinExpr):
            return f"{_BINARY[type(node)]}({self.value(node.left)}, {self.value(node.right)})"
        raise ExpressionSyntaxError(f"{type(node).__name__} is not supported in expressions")

    def member(self, owner: nodes.Node, key: str, missing: bool) -> str:
        return f"{'member' if missing else 'need'}({self.value(owner, missing)}, {key})"

    def write_name(self, node: nodes.Name) -> str:
        return self.constant(GLOBALS[node.name]) if node.name in GLOBALS else f"scope[{node.name!r}]"

    def write_const(self, node: nodes.Const) -> str:
        return self.constant(node.value) if isinstance(node.value, Decimal) else repr(node.value)

    def write_templatedata(self, node: nodes.TemplateData) -> str:
        return repr(node.data)

    def write_list(self, node: nodes.List | nodes.Tuple) -> str:
        return f"[{', '.join(map(self.value, node.items))}]"

    write_tuple = write_list

    def write_dict(self, node: nodes.Dict) -> str:
        pairs = (f"text_of({self.value(pair.key)}): {self.value(pair.value)}" for pair in node.items)
        return f"{{{', '.join(pairs)}}}"

    def write_not(self, node: nodes.Not) -> str:
        return f"(not {self.value(node.node)})"

    def write_neg(self, node: nodes.Neg) -> str:
        return f"(-{self.value(node.node)})"

    def write_pos(self, node: nodes.Pos) -> str:
        return f"(+{self.value(node.node)})"

    def write_compare(self, node: nodes.Compare) -> str:
        rest = "".join(f" {_COMPARE[operand.op]} {self.value(operand.expr)}" for operand in node.ops)
        return f"({self.value(node.expr)}{rest})"

    def write_concat(self, node: nodes.Concat) -> str:
        return f"concatenated(({', '.join(map(self.value, node.nodes))},))"

    def write_filter(self, node: nodes.Filter) -> str:
        assert node.node is not None
        return self.applied(FILTERS[node.name], node)

    def write_test(self, node: nodes.Test) -> str:
        return self.applied(TESTS[node.name], node)

    def applied(self, function: Callable[..., Any], node: nodes.Filter | nodes.Test) -> str:
        assert node.node is not None
        given = [self.value(node.node, missing=node.name in _LOOK_AT_MISSING), *map(self.value, node.args)]
        given += [f"{pair.key}={self.value(pair.value)}" for pair in node.kwargs]
        return f"{self.constant(function)}({', '.join(given)})"

    def write_call(self, node: nodes.Call) -> str:
        given = [*map(self.value, node.args), *(f"{pair.key}={self.value(pair.value)}" for pair in node.kwargs)]
        if isinstance(node.node, nodes.Getattr):
            return f"method({self.value(node.node.node)}, {node.node.attr!r})({', '.join(given)})"
        return f"{self.value(node.node)}({', '.join(given)})"
