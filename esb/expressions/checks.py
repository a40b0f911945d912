"""What can be said about an expression before it runs: unknown names, filters and functions, forbidden statements."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.lexer import Token

from esb.errors import ExpressionSyntaxError
from esb.expressions.filters import FILTERS, TESTS
from esb.expressions.operators import ALL_METHODS
from esb.expressions.sandbox import GLOBALS, SANDBOX, Sandbox
from esb.expressions.scope import EACH_NAMES

_REFUSED_STATEMENTS = (nodes.Extends, nodes.Block, nodes.Import, nodes.FromImport)
_INSTEAD = {
    "float": "there are no floats: write | decimal",
    "int": "write | integer, which refuses what is no whole number",
    "random": "randomness is refused: a redelivered message must give the same document again",
    "d": "write | default(…)",
    "string": "write | text",
    "e": "write | xml",
    "escape": "write | xml",
    "safe": "text is never escaped by itself, so nothing needs | safe",
    "center": "write | pad(width, ' ')",
    "format": "write ~ or {{ … }} for text, | money or | round for numbers",
    "dictsort": "write | items | sort",
}
_PLAIN_EXPRESSIONS = (
    nodes.Name,
    nodes.Const,
    nodes.TemplateData,
    nodes.Tuple,
    nodes.List,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    nodes.CondExpr,
    nodes.Filter,
    nodes.Test,
    nodes.Call,
    nodes.Getitem,
    nodes.Getattr,
    nodes.Slice,
    nodes.Concat,
    nodes.Compare,
    nodes.Operand,
    nodes.BinExpr,
    nodes.UnaryExpr,
    nodes.NSRef,
)


def check(
    tree: Sequence[nodes.Node], source: str, names: Collection[str], includes: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the names of the scope that a template reads, in order; `tree` are all its nodes.

    Raises:
        ExpressionSyntaxError: Something in it can never work; says where, and what was probably meant.
    """
    return _Checker(tree, source, names, includes).run()


class _Checker:
    """Walks the tree once. Nodes know their line only, so places are found again in the tokens."""

    def __init__(
        self, tree: Sequence[nodes.Node], source: str, names: Collection[str], includes: Collection[str]
    ) -> None:
        self.tree, self.source, self.includes = tree, source, includes
        self.stored = _stored(tree)
        self.known = {*names, *GLOBALS, *self.stored}
        self.names = names

    def run(self) -> tuple[str, ...]:
        read: dict[str, None] = {}
        for node in self.tree:
            self.check_node(node)
            if isinstance(node, nodes.Name) and node.ctx == "load" and node.name in self.names:
                read[node.name] = None
        return tuple(read)

    def check_node(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Name):
            self.check_name(node)
        elif isinstance(node, nodes.Filter):
            self.check_use(node, FILTERS, "filter")
        elif isinstance(node, nodes.Test):
            self.check_use(node, TESTS, "test")
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            self.fail(f"{node.attr!r} is private", node.attr, f"a key of that name is written ['{node.attr}']")
        elif isinstance(node, nodes.Call):
            self.check_call(node)
        elif isinstance(node, nodes.CondExpr) and node.expr2 is None:
            self.fail("`if` without `else` may have no value", "if", "write … if … else …")
        elif isinstance(node, nodes.For) and node.recursive:
            self.fail("recursive loops are not supported", "recursive", "write a macro that calls itself")
        elif isinstance(node, _REFUSED_STATEMENTS):
            self.fail(f"{type(node).__name__.lower()} is not supported in templates", "", "use include or macro")
        elif isinstance(node, nodes.Include):
            self.check_include(node)
        elif isinstance(node, nodes.Expr | nodes.Helper) and not isinstance(node, _PLAIN_EXPRESSIONS):
            self.fail(f"{type(node).__name__} is not supported in expressions", "", "")

    def check_name(self, node: nodes.Name) -> None:
        if node.ctx != "load" or node.name in self.known:
            return
        if node.name in EACH_NAMES:
            self.fail(f"{node.name!r} is known under each only", node.name, "write body for the document")
        near = get_close_matches(node.name, self.known, 1)
        listed = ", ".join(sorted(self.names))
        hint = f"did you mean {near[0]!r}?" if near else f"known names are {listed}"
        if not near and "body" in self.names:
            hint += f"; a field of the document is body.{node.name}"
        self.fail(f"unknown name {node.name!r}", node.name, hint)

    def check_use(self, node: Any, table: dict[str, Callable[..., Any]], kind: str) -> None:
        if node.name not in table:
            near = get_close_matches(node.name, table, 1)
            hint = _INSTEAD.get(node.name) or (f"did you mean {near[0]!r}?" if near else _listed(table))
            self.fail(f"there is no {kind} {node.name!r}", node.name, hint)
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self.fail(f"{node.name}: arguments cannot be unpacked with *", node.name, "write them one by one")
        function = getattr(table[node.name], "__wrapped__", table[node.name])
        named = {pair.key: None for pair in node.kwargs}
        if node.kwargs and kind == "test":
            self.fail(f"the test {node.name!r} takes no named arguments", node.name, "")
        try:
            inspect.signature(function).bind(None, *node.args, **named)
        except TypeError as error:
            self.fail(f"{kind} {node.name}: {error}", node.name, _usage(node.name, function))

    def check_call(self, node: nodes.Call) -> None:
        target = node.node
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self.fail("arguments cannot be unpacked with *", "", "write them one by one")
        if isinstance(target, nodes.Getattr):
            if target.attr not in ALL_METHODS:
                near = get_close_matches(target.attr, [*ALL_METHODS, *FILTERS], 1)
                hint = f"did you mean {near[0]!r}?" if near else "use a filter: value | name"
                self.fail(f"there is no function {target.attr}()", target.attr, hint)
            return
        if not isinstance(target, nodes.Name):
            self.fail("only names and members can be called", "", "")
        if target.name == "now":
            self.fail("now is a value, not a function", "now", "write now: the time of intake, the only clock there is")
        if target.name in self.names:
            self.fail(f"{target.name!r} is a value, not a function", target.name, f"write {target.name}")

    def check_include(self, node: nodes.Include) -> None:
        if not isinstance(node.template, nodes.Const) or not isinstance(node.template.value, str):
            self.fail("include needs a name in quotes", "include", "write {% include 'name' %}")
        if node.template.value not in self.includes:
            near = get_close_matches(node.template.value, self.includes, 1)
            hint = f"did you mean {near[0]!r}?" if near else "templates can include files beside them only"
            self.fail(f"there is no template {node.template.value!r}", node.template.value, hint)

    def fail(self, text: str, word: str, hint: str) -> NoReturn:
        offset, length = place_of(self.source, word)
        raise ExpressionSyntaxError(text, offset, length, hint)


def nodes_of(template: nodes.Template) -> list[nodes.Node]:
    """Return all nodes in the order of the text, parents first."""
    tree: list[nodes.Node] = []
    waiting: list[nodes.Node] = [template]
    while waiting:
        found = waiting.pop()
        tree.append(found)
        waiting.extend(reversed(list(found.iter_child_nodes())))
    return tree


def _stored(tree: Sequence[nodes.Node]) -> set[str]:
    """Return the names that the template itself makes: loop variables, set, macros and their arguments."""
    names: set[str] = set()
    for node in tree:
        if isinstance(node, nodes.Name) and node.ctx in {"store", "param"}:
            names.add(node.name)
        elif isinstance(node, nodes.For):
            names.add("loop")
        elif isinstance(node, nodes.Macro):
            names |= {node.name, "caller", "varargs", "kwargs"}
        elif isinstance(node, nodes.CallBlock):
            names |= {"caller", "varargs", "kwargs"}
    return names


def place_of(source: str, word: str) -> tuple[int, int]:
    """Return offset and length of the first token that is this word, inside of expressions only."""
    if word:
        for token in tokens_of(SANDBOX, source):
            if token.type in {"name", "string"} and token.value == word:
                offset = token.offset  # type: ignore[attr-defined]
                return offset + (token.type == "string"), len(word)
    return max(source.find("{{"), source.find("{%"), 0), 2


def tokens_of(sandbox: Sandbox, source: str) -> list[Token]:
    """Return the tokens of a template that parses, each with its `offset`."""
    return list(sandbox._tokenize(source, None))


def _listed(table: Collection[str]) -> str:
    return f"there are {', '.join(sorted(name for name in table if name.isalpha()))}"


def _usage(name: str, function: Callable[..., Any]) -> str:
    parameters = [
        each.replace(annotation=inspect.Parameter.empty) for each in inspect.signature(function).parameters.values()
    ]
    return f"it is written {name}({', '.join(map(str, parameters[1:]))})"
