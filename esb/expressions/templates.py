"""Expressions and templates: from text to a compiled function, and from what goes wrong to a plain sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from traceback import walk_tb
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias

from jinja2 import Template, TemplateError, UndefinedError, nodes

from esb.errors import ExpressionError, ExpressionSyntaxError, MessageError, TooLargeError
from esb.expressions.budget import OUTPUT, limited
from esb.expressions.checks import check, nodes_of
from esb.expressions.jinja_code import compile_text, compile_typed
from esb.expressions.operators import MissingError
from esb.expressions.paths import render_path
from esb.expressions.sandbox import SANDBOX, Sandbox, parse
from esb.expressions.scope import NAMES, Scope

LONGEST = 16_000
"""Longest expression or text value in characters; longer ones belong into a template file."""
LONGEST_TEMPLATE = 1_000_000

FAILURES = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""What running an expression can raise because of the values that it met."""

_TYPES = {"NoneType": "null", "str": "text", "dict": "an object", "list": "a list", "bool": "true or false"}
_TYPE_NAME = re.compile(r"'?\b(NoneType|str|dict|list|bool|int|float|(?:decimal\.)?Decimal|datetime\.datetime)\b'?")


def short(source: str) -> str:
    """Return a source for an error text: on one line, not too long."""
    line = " ".join(source.split())
    return line if len(line) <= 100 else f"{line[:97]}…"


def fail(source: str, error: Exception) -> NoReturn:
    """Raise what an expression raised as an error of the message, with its source and a plain sentence."""
    if isinstance(error, UndefinedError):
        raise MissingError(f"{short(source)}: {error}") from error
    if isinstance(error, TooLargeError):
        raise TooLargeError(f"{short(source)}: {error}") from error
    if isinstance(error, ZeroDivisionError):
        text = "division by zero"
    elif isinstance(error, RecursionError):
        text = "it calls itself without end"
    elif isinstance(error, MessageError):
        text = str(error)
    elif isinstance(error, ArithmeticError):
        text = "the calculation has no result (division by zero, or a number that is too large)"
    else:
        text = _plain(str(error)) or type(error).__name__
    raise ExpressionError(f"{short(source)}: {text}") from error


def _plain(text: str) -> str:
    """Say in plain words what Python says about types."""
    found = re.fullmatch(r"'(.+)' not supported between instances of '(.+)' and '(.+)'", text)
    if found:
        return f"cannot compare {_type(found.group(2))} with {_type(found.group(3))}"
    found = re.fullmatch(r"unsupported operand type\(s\) for (.+): '(.+)' and '(.+)'", text)
    if found:
        return f"cannot calculate with {_type(found.group(2))} and {_type(found.group(3))} (operator {found.group(1)})"
    if text.startswith("can only concatenate"):
        return "cannot add text and something else; write ~ to join text"
    return _TYPE_NAME.sub(lambda match: _type(match.group(1)), text)


def _type(name: str) -> str:
    return _TYPES.get(name, "a date" if "date" in name else "a number")


Run: TypeAlias = Callable[[Any, Scope], Any]


class Jinja(NamedTuple):
    """A compiled value: what it is, the function (root, scope) -> value, what it reads."""

    kind: Literal["expression", "text"]
    run: Run
    paths: tuple[str, ...]
    names: tuple[str, ...]


@lru_cache(maxsize=4096)
def compile_jinja(source: str, names: frozenset[str] = NAMES) -> Jinja:
    """Return the compiled form of a text that holds `{{` or `{%`.

    Raises:
        ExpressionSyntaxError: It does not parse, or can never work; `offset` says at which character.
    """
    if len(source) > LONGEST:
        raise ExpressionSyntaxError(f"the expression is longer than {LONGEST} characters", help="use a template file")
    template = parse(SANDBOX, source)
    tree = nodes_of(template)
    paths, read = _paths(tree), check(tree, source, names)
    single, parts = _single(template), _parts(template)
    try:
        if single is not None:
            return Jinja("expression", _guarded(source, compile_typed(single), tree), paths, read)
        if parts is not None:
            return Jinja("text", _guarded(source, compile_text(parts), tree), paths, read)
    except RecursionError:
        raise ExpressionSyntaxError("the expression is nested too deep") from None
    render = compile_template(source, names=names)
    return Jinja("text", lambda root, scope: render(scope), paths, read)


def _guarded(source: str, function: Run, tree: Sequence[nodes.Node]) -> Run:
    if any(isinstance(node, nodes.Filter) and node.name == "map" for node in tree):  # only that makes much of little
        function = _budgeted(function)

    def run(root: Any, scope: Scope) -> Any:
        try:
            return function(root, scope)
        except (MessageError, *FAILURES) as error:
            fail(source, error)

    return run


def _budgeted(function: Run) -> Run:
    def run(root: Any, scope: Scope) -> Any:
        with limited():
            return function(root, scope)

    return run


def _single(template: nodes.Template) -> nodes.Expr | None:
    """Return the expression if it is all there is."""
    if len(template.body) == 1 and isinstance(template.body[0], nodes.Output):
        parts = template.body[0].nodes
        if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
            return parts[0]
    return None


def _parts(template: nodes.Template) -> list[nodes.Expr] | None:
    """Return text and expressions if there are no statements."""
    if not all(isinstance(node, nodes.Output) for node in template.body):
        return None
    return [part for node in template.body if isinstance(node, nodes.Output) for part in node.nodes]


def compile_template(
    source: str, includes: Mapping[str, str] | None = None, names: Collection[str] = NAMES
) -> Callable[[Scope], str]:
    """Return a function scope -> text for a Jinja template; `includes` are the texts that it may include, by name.

    Raises:
        ExpressionSyntaxError: The template or one that it includes does not parse, or can never work.
    """
    texts = dict(includes or {})
    sandbox = Sandbox(texts) if texts else SANDBOX
    seen: set[str] = set()
    waiting = [("", source)]
    while waiting:
        name, text = waiting.pop()
        waiting += [(other, texts[other]) for other in _checked(sandbox, name, text, names) if other not in seen]
        seen.update(other for other, _ in waiting)
    try:
        template = sandbox.from_string(source)
    except (RecursionError, SyntaxError, MemoryError):
        raise ExpressionSyntaxError("the template is nested too deep") from None
    except TemplateError as error:
        raise ExpressionSyntaxError(str(error)) from error

    def render(scope: Scope) -> str:
        try:
            return _render(template, scope)
        except (MessageError, *FAILURES) as error:
            fail(_failed_at(source, error), error)

    return render


def _failed_at(source: str, error: Exception) -> str:
    """Return the line of a template of several that failed, with its number; a text of one line as it is."""
    lines = source.splitlines()
    numbers = [number for frame, number in walk_tb(error.__traceback__) if frame.f_code.co_filename == "<template>"]
    if len(lines) < 2 or not numbers or numbers[-1] > len(lines):
        return source
    return f"line {numbers[-1]} of the template: {lines[numbers[-1] - 1].strip()}"


def _checked(sandbox: Sandbox, name: str, text: str, names: Collection[str]) -> list[str]:
    """Check one template; return the names of those that it includes."""
    where = f"in {name}: " if name else ""
    if len(text) > LONGEST_TEMPLATE:
        raise ExpressionSyntaxError(f"{where}the template is longer than {LONGEST_TEMPLATE} characters")
    try:
        tree = nodes_of(parse(sandbox, text))
        check(tree, text, names, sandbox.texts)
    except ExpressionSyntaxError as error:
        if not name:
            raise
        line = text.count("\n", 0, error.offset) + 1
        raise ExpressionSyntaxError(f"{where}line {line}: {error.text}", help=error.help) from error
    included = [node.template for node in tree if isinstance(node, nodes.Include)]
    return [str(each.value) for each in included if isinstance(each, nodes.Const)]


def _render(template: Template, scope: Scope) -> str:
    pieces: list[str] = []
    size = 0
    with limited():
        for piece in template.generate(scope):
            size += len(piece)
            if size > OUTPUT:
                raise TooLargeError(f"the text is longer than {OUTPUT} characters; cut the document into smaller parts")
            pieces.append(piece)
    return "".join(pieces)


def _paths(tree: Sequence[nodes.Node]) -> tuple[str, ...]:
    """Return the paths of the document that the expression is known to read, as JSONPath: `body.a.b` is `$.a.b`."""
    inner: set[int] = set()
    called = {id(node.node) for node in tree if isinstance(node, nodes.Call)}
    paths: dict[str, None] = {}
    for node in tree:
        if id(node) in inner or not isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            continue
        keys: list[str | int] = []
        owner: nodes.Node = node
        while isinstance(owner, nodes.Getattr | nodes.Getitem):
            key = owner.attr if isinstance(owner, nodes.Getattr) else _constant(owner.arg)
            keys = [] if key is None or id(owner) in called else [key, *keys]
            inner.add(id(owner.node))
            owner = owner.node
        if isinstance(owner, nodes.Name) and owner.name == "body":
            paths[render_path(tuple(keys))] = None
    return tuple(paths)


def _constant(node: nodes.Node) -> str | int | None:
    if isinstance(node, nodes.Const) and isinstance(node.value, str | int) and not isinstance(node.value, bool):
        return node.value
    return None
