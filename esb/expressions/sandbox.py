"""The Jinja sandbox: what templates may do, and where in the text something is wrong.

Both ways of running (generated functions for expressions, Jinja's own code for templates with statements) begin here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from jinja2 import DictLoader, TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.lexer import Lexer, Token, TokenStream
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from esb.errors import ExpressionSyntaxError
from esb.expressions import operators
from esb.expressions.budget import charge, size_of
from esb.expressions.filters import FILTERS, TESTS
from esb.expressions.operators import ALL_METHODS, Missing, fail_missing, member, method, text_of

GLOBALS: Mapping[str, Any] = {"range": operators.bounded_range, "namespace": Namespace}
"""Functions known everywhere."""

_AT = re.compile(r" at (\d+)$")


class PlacedToken(Token):
    """A token that knows its offset in the source."""

    offset = 0


def _each(value: Any, written: int) -> Any:
    """Charge for all turns of a loop before it begins; `written` = characters of plain text in its body."""
    if isinstance(value, Undefined):
        fail_missing(value)
    if not hasattr(value, "__len__"):
        value = list(value)
    charge(len(value) + 1, written * len(value))
    return value


def _need(value: Any) -> Any:
    if isinstance(value, Undefined):
        fail_missing(value)
    return value


def _tick(written: int) -> None:
    charge(1, written)


INTERNAL_FILTERS: Mapping[str, Callable[..., Any]] = {
    "$each": _each,
    "$tick": _tick,
    "$decimal": Decimal,
    "$concat": operators.concatenated,
    "$method": method,
    "$need": _need,
}
"""Filters that only rewritten templates use; nobody can write such a name."""


@pass_context
def _finalize(_context: Context, value: Any) -> str:
    text = text_of(value)
    charge(1, len(text))
    return text


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja with data access only: keys win over methods, no float, no attribute that is not listed, a budget."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, includes: Mapping[str, str] | None = None) -> None:
        self.texts = dict(includes or {})
        super().__init__(
            undefined=Missing,
            optimized=False,  # the optimizer would run the ticks of the budget once and for all
            keep_trailing_newline=True,
            finalize=_finalize,
            loader=DictLoader(self.texts),
            cache_size=-1,  # a sandbox has few includes, and they never change
            auto_reload=False,
        )
        self.filters = {**FILTERS, **INTERNAL_FILTERS}
        self.tests = dict(TESTS)
        self.globals = dict(GLOBALS)
        self.binop_table = {
            "+": operators.add,
            "-": operators.subtract,
            "*": operators.multiply,
            "/": operators.divide,
            "//": operators.floor_divide,
            "%": operators.modulo,
            "**": operators.power,
        }

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a member that counts as data."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return a member that counts as data."""
        if isinstance(obj, LoopContext | Namespace | Macro) and isinstance(argument, str):
            if argument.startswith("_"):
                raise SecurityError(f"{argument!r} is private")
            return super().getattr(obj, argument)
        return member(obj, argument)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a macro, a listed function or a listed method, and charge for it."""
        if isinstance(obj, Undefined):
            fail_missing(obj)
        receiver = getattr(obj, "__self__", None)
        charge(size_of(receiver))
        return super().call(context, obj, *args, **kwargs)

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        lexer = self.lexer
        return TokenStream(_placed(lexer, source, lexer.tokeniter(source, name, filename, state)), name, filename)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = parse(self, source)
        rewritten: nodes.Template = _Rewriter().visit(template)
        rewritten.body.insert(0, _tick_node(_written(template.body), template.lineno))
        rewritten.set_environment(self)
        return rewritten


def _placed(lexer: Lexer, source: str, stream: Any) -> Iterator[Token]:
    """Give tokens with their offsets; numbers with a point become decimals, exactly as they are written."""
    start, written = 0, ""

    def located() -> Iterator[Any]:
        nonlocal start, written
        at = 0
        for piece in stream:
            written = piece[2]
            found = source.find(written, at) if written else -1
            if found >= 0:
                start, at = found, found + len(written)
            yield piece

    for token in lexer.wrap(located()):  # it takes one piece for each token, so start is the token's own
        placed = PlacedToken(*token)
        placed.offset = start
        if token.type == "float":
            placed = placed._replace(value=Decimal(written.replace("_", "")))  # type: ignore[arg-type]
            placed.offset = start
        yield placed


def parse(sandbox: Sandbox, source: str) -> nodes.Template:
    """Return the syntax tree of a template as Jinja reads it.

    Raises:
        ExpressionSyntaxError: It does not parse; `offset` says at which character.
    """
    parser = None
    try:
        parser = Parser(sandbox, source)
        return parser.parse()
    except TemplateSyntaxError as error:
        _fail_at(error, source, parser)
    except (RecursionError, MemoryError):
        raise ExpressionSyntaxError("the expression is nested too deep") from None
    except (ValueError, SyntaxError, ArithmeticError) as error:
        raise ExpressionSyntaxError(f"a literal cannot be read: {error}") from None


def _fail_at(error: TemplateSyntaxError, source: str, parser: Parser | None) -> NoReturn:
    text = (error.message or "does not parse").rstrip(".")
    lexed = _AT.search(text)
    if lexed:
        offset, text = int(lexed.group(1)), text[: lexed.start()]
    elif parser is not None:
        offset = getattr(parser.stream.current, "offset", len(source))
    else:
        offset = 0
    if "end of print statement" in text and "got" not in text:
        text = "the expression ends too early"
    opened = re.search(r"innermost block that needs to be closed is '(\w+)'", text)
    if opened:
        text = f"the statement {opened.group(1)!r} is not closed"
        hint = f"write {{% end{opened.group(1)} %}}"
        raise ExpressionSyntaxError(text, *_last(source, opened.group(1)), hint) from None
    text = text[:1].lower() + text[1:]
    raise ExpressionSyntaxError(text, min(offset, max(len(source) - 1, 0)), help=_hint(text, source)) from None


def _last(source: str, word: str) -> tuple[int, int]:
    """Return offset and length of the last statement with this word."""
    found = list(re.finditer(rf"{{%[-+]?\s*({word})\b", source))
    return (found[-1].start(1), len(word)) if found else (0, 1)


def _hint(text: str, source: str) -> str:
    if re.search(r"&&|\|\|", source):
        return "in expressions write `and`, `or` and `not`; && and || belong to JSONPath filters"
    if source.count("{{") > source.count("}}"):
        return "close the expression with }}"
    if "expected token 'end of print statement'" in text:
        return "join values with an operator: ~ for text, + for numbers"
    return ""


def _written(body: list[nodes.Node]) -> int:
    """Return the characters of plain text in these nodes, loops and macros inside apart (they count their own)."""
    total = 0
    waiting: list[nodes.Node] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.TemplateData):
            total += len(node.data)
        elif not isinstance(node, nodes.For | nodes.Macro | nodes.CallBlock):
            waiting.extend(node.iter_child_nodes())
    return total


def _filter(value: Any, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, list(args), [], None, None, lineno=value.lineno)


def _needed(value: nodes.Expr) -> nodes.Expr:
    return _filter(value, "$need") if isinstance(value, nodes.Getattr | nodes.Getitem) else value


def _tick_node(written: int, lineno: int) -> nodes.ExprStmt:
    return nodes.ExprStmt(_filter(nodes.Const(written, lineno=lineno), "$tick"), lineno=lineno)


class _Rewriter(NodeTransformer):
    """Puts the budget into loops and macros, and decimals and text in place of what Jinja would do itself."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802
        written = nodes.Const(_written(node.body), lineno=node.lineno)
        node.iter = _filter(node.iter, "$each", written)
        self.generic_visit(node)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Macro:  # noqa: N802
        node.body.insert(0, _tick_node(_written(node.body), node.lineno))
        self.generic_visit(node)
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.CallBlock:  # noqa: N802
        node.body.insert(0, _tick_node(_written(node.body), node.lineno))
        self.generic_visit(node)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Call:  # noqa: N802
        """Calling a member calls the method, also where a key of that name exists."""
        self.generic_visit(node)
        if isinstance(node.node, nodes.Getattr) and node.node.attr in ALL_METHODS:
            name = nodes.Const(node.node.attr, lineno=node.lineno)
            node.node = _filter(node.node.node, "$method", name)
        node.args = [_needed(each) for each in node.args]
        return node

    def visit_List(self, node: nodes.List) -> nodes.List:  # noqa: N802
        """What is missing does not hide in a list."""
        self.generic_visit(node)
        node.items = [_needed(each) for each in node.items]
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Pair:  # noqa: N802
        self.generic_visit(node)
        node.value = _needed(node.value)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802
        self.generic_visit(node)
        node.expr = _needed(node.expr)
        return node

    def visit_Const(self, node: nodes.Const) -> nodes.Expr:  # noqa: N802
        if isinstance(node.value, Decimal):
            return _filter(nodes.Const(str(node.value), lineno=node.lineno), "$decimal")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), "$concat")


SANDBOX = Sandbox()
"""The sandbox for expressions and templates that include nothing."""
