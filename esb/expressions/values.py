"""The value rule of the language: which texts are paths, expressions, templates, and which are themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from esb.errors import ExpressionSyntaxError
from esb.expressions.paths import Path, compile_path
from esb.expressions.scope import NAMES, Scope
from esb.expressions.templates import Run, compile_jinja

DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled value. Called with (root, scope) it gives a document; inner loops may call `run` itself.

    `paths` are the paths of the document that it is known to read (for lint), `names` the names of the scope.
    """

    source: Any
    kind: Literal["literal", "path", "expression", "text"]
    run: Run
    paths: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    path: Path | None = None

    def __call__(self, root: Any, scope: Scope) -> Any:
        return self.run(root, scope)

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


def is_path(source: str) -> bool:
    """Return whether the value rule takes this text for a JSONPath."""
    return source.startswith(("$.", "$[")) or source == "$"


def compile_value(source: Any, names: frozenset[str] = NAMES) -> Expression:
    """Return the compiled value of anything that YAML can hold; lists and objects are compiled through.

    Raises:
        ExpressionSyntaxError: A path or expression does not parse, or names what is not in `names`.
    """
    return _compile(source, names, 0)


def _compile(source: Any, names: frozenset[str], depth: int) -> Expression:
    if isinstance(source, str):
        if is_path(source):
            path = compile_path(source)
            return Expression(source, "path", lambda root, scope: path.get(root), (source,), path=path)
        if "{{" in source or "{%" in source:
            return _jinja(source, names)
        return _literal(source)
    if depth > DEEPEST:
        raise ExpressionSyntaxError(f"values are nested deeper than {DEEPEST}")
    if isinstance(source, dict):
        return _object(source, names, depth)
    if isinstance(source, list | tuple):
        return _list(source, names, depth)
    return _literal(source)


def _literal(source: Any) -> Expression:
    return Expression(source, "literal", lambda root, scope: source)


def _jinja(source: str, names: frozenset[str]) -> Expression:
    made = compile_jinja(source, names)
    return Expression(source, made.kind, made.run, made.paths, made.names)


def _object(source: dict[Any, Any], names: frozenset[str], depth: int) -> Expression:
    members = {key: _compile(value, names, depth + 1) for key, value in source.items()}
    if all(member.kind == "literal" for member in members.values()):
        return _literal(source)
    runs = [(key, member.run) for key, member in members.items()]
    return _composed(source, members.values(), lambda root, scope: {key: run(root, scope) for key, run in runs})


def _list(source: Sequence[Any], names: frozenset[str], depth: int) -> Expression:
    members = [_compile(value, names, depth + 1) for value in source]
    if all(member.kind == "literal" for member in members):
        return _literal(source)
    runs = [member.run for member in members]
    return _composed(source, members, lambda root, scope: [run(root, scope) for run in runs])


def _composed(source: Any, members: Collection[Expression], run: Run) -> Expression:
    paths = dict.fromkeys(path for member in members for path in member.paths)
    names = dict.fromkeys(name for member in members for name in member.names)
    return Expression(source, "expression", run, tuple(paths), tuple(names))


def compile_predicate(source: str | bool, names: frozenset[str] = NAMES) -> Callable[[Any, Scope], bool]:
    """Return a condition: a path is true if it selects something (null counts), an expression by its truth.

    Raises:
        ExpressionSyntaxError: It does not parse, or can never be a condition (plain text, text with `{{ }}` in it).
    """
    if isinstance(source, bool):
        return lambda root, scope: source
    if is_path(source):
        path = compile_path(source)
        return lambda root, scope: path.exists(root)
    if "{{" not in source:
        hint = f'write "{{{{ {source} }}}}"' if source else 'write "$.path" or "{{ expression }}"'
        raise ExpressionSyntaxError("a condition is a path or an expression, not text", 0, max(len(source), 1), hint)
    made = compile_jinja(source, names)
    if made.kind != "expression":
        raise ExpressionSyntaxError(
            "text is always true: a condition is exactly one expression", help='write "{{ a and b }}"'
        )
    run = made.run
    return lambda root, scope: bool(run(root, scope))
