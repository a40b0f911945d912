"""Path: a compiled JSONPath that reads from documents and writes into copies of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from esb.errors import ExpressionError, ExpressionSyntaxError, TooLargeError
from esb.expressions.operators import MissingError, kind_of
from esb.expressions.plain_paths import plain_query
from esb.expressions.queries import Index, Name, Query
from esb.expressions.query_code import compile_find
from esb.expressions.query_syntax import parse_query

_ABSENT = object()
_NEEDS_ESCAPE = re.compile(r"[\\'\x00-\x1f]")


class Path:
    """A JSONPath. `singular` = it can select one node only, and so has a value; any other gives a list.

    Code is generated at the first use, not when the definition is read, so that checking many definitions is quick.
    """

    def __init__(self, source: str, query: Query) -> None:
        self.source = source
        self.query = query
        self.singular = query.singular
        self.keys: tuple[str | int, ...] = tuple(_keys(query)) if self.singular else ()

    def __repr__(self) -> str:
        return f"Path({self.source!r})"

    @cached_property
    def find(self) -> Callable[[Any], list[Any]]:
        """A function root -> the list of all values selected."""
        select = compile_find(self.query)

        def find(root: Any) -> list[Any]:
            try:
                return select(root, root)
            except RecursionError:
                raise TooLargeError(f"{self.source}: the document is nested too deep to be compared") from None

        return find

    @cached_property
    def get(self) -> Callable[[Any], Any]:
        """A function root -> the value (singular path) or the list of values.

        It raises ExpressionError when a singular path selects nothing, and says how far it matched.
        """
        return _getter(self) if self.singular else self.find

    @cached_property
    def exists(self) -> Callable[[Any], bool]:
        """A function root -> whether the path selects something (null counts)."""
        look, absent = self.look, _ABSENT
        if self.singular:
            return lambda root: look(root, absent) is not absent
        find = self.find
        return lambda root: bool(find(root))

    @cached_property
    def look(self) -> Callable[[Any, Any], Any]:
        """A function (root, default) -> the value, or the default where a singular path selects nothing."""
        if not self.singular:
            find = self.find
            return lambda root, default: find(root)
        return _looker(self.keys)

    def put(self, root: Any, value: Any) -> Any:
        """Return a copy of the document with this value at the path; objects that are missing are made.

        Only what lies on the way is copied. A list takes a value at an index that it has, or right behind its end.

        Raises:
            ExpressionError: Something on the way is neither object nor list, or the list is too short.
        """
        self._must_be_singular("put")
        return self._put(root, 0, value)

    def remove(self, root: Any) -> Any:
        """Return a copy of the document without what the path selects; the same document if that is nothing."""
        self._must_be_singular("remove")
        if not self.keys or not self.exists(root):
            return root
        return self._remove(root, 0)

    def _put(self, node: Any, at: int, value: Any) -> Any:
        if at == len(self.keys):
            return value
        key = self.keys[at]
        if isinstance(key, str):
            if node is _ABSENT or node is None:
                return {key: self._put(_ABSENT, at + 1, value)}
            if type(node) is not dict:
                self._fail_put(node, at, "an object")
            return {**node, key: self._put(node.get(key, _ABSENT), at + 1, value)}
        if node is _ABSENT or node is None:
            node = []
        if type(node) is not list:
            self._fail_put(node, at, "a list")
        index = key + len(node) if key < 0 else key
        if not 0 <= index <= len(node):
            text = f"{self.source}: cannot put at index {key}: {self._before(at)} has {len(node)} elements"
            raise ExpressionError(text)
        inner = node[index] if index < len(node) else _ABSENT
        return [*node[:index], self._put(inner, at + 1, value), *node[index + 1 :]]

    def _remove(self, node: Any, at: int) -> Any:
        key = self.keys[at]
        if at == len(self.keys) - 1:
            if isinstance(key, str):
                return {name: value for name, value in node.items() if name != key}
            index = key % len(node)
            return [*node[:index], *node[index + 1 :]]
        inner = self._remove(node[key], at + 1)
        if isinstance(key, str):
            return {**node, key: inner}
        index = key % len(node)
        return [*node[:index], inner, *node[index + 1 :]]

    def _fail_put(self, node: Any, at: int, wanted: str) -> None:
        raise ExpressionError(f"{self.source}: cannot put: {self._before(at)} is {kind_of(node)}, not {wanted}")

    def _must_be_singular(self, what: str) -> None:
        if not self.singular:
            raise ExpressionError(f"{self.source}: cannot {what}: the path can select many nodes; name one")

    def _before(self, at: int) -> str:
        """Return the path up to its key number `at`, as text."""
        return render_path(self.keys[:at])

    def missing(self, root: Any) -> MissingError:
        """Return the error that says how far the path matched and what stands there instead."""
        node = root
        for at, key in enumerate(self.keys):
            here = self._before(at)
            if isinstance(key, str):
                if type(node) is not dict:
                    return MissingError(f"{self.source}: {here} is {kind_of(node)}, so it has no {key!r}")
                if key not in node:
                    return MissingError(f"{self.source}: {here} has no {key!r}{_known(node)}")
            elif type(node) is not list:
                return MissingError(f"{self.source}: {here} is {kind_of(node)}, not a list")
            elif not -len(node) <= key < len(node):
                return MissingError(f"{self.source}: {here} has {len(node)} elements, so there is no [{key}]")
            node = node[key]
        return MissingError(f"{self.source}: selects nothing")


def _known(node: dict[str, Any]) -> str:
    names = [str(name)[:40] for name in list(node)[:8]]
    return f"; it has {', '.join(names)}{' …' if len(node) > 8 else ''}" if names else "; it is empty"


def _keys(query: Query) -> list[str | int]:
    keys: list[str | int] = []
    for segment in query.segments:
        selector = segment.selectors[0]
        assert isinstance(selector, Name | Index)
        keys.append(selector.name if isinstance(selector, Name) else selector.index)
    return keys


def render_path(keys: tuple[str | int, ...], begin: str = "$") -> str:
    """Return the path of these keys as text: `$.lines[2].qty`; names that need quotes get them."""
    text = begin
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key.isidentifier():
            text += f".{key}"
        else:
            text += f"['{_NEEDS_ESCAPE.sub(_escaped, key)}']"
    return text


def _escaped(char: re.Match[str]) -> str:
    return f"\\{char.group()}" if char.group() in "\\'" else f"\\u{ord(char.group()):04x}"


def _getter(path: Path) -> Callable[[Any], Any]:
    """Return the quickest reader: subscripts in one expression; the checks come after the fact, or for lists."""
    code = "root"
    constants: dict[str, Any] = {"path": path}
    for number, key in enumerate(path.keys):
        if isinstance(key, int):  # text has indexes too, so a list is made sure of first
            code = f"(v{number} if type(v{number} := {code}) is list else path)[{key}]"
        else:
            code = f"{code}[{key!r}]"
    lines = ["def get(root):", " try:", f"  return {code}", " except (KeyError, IndexError, TypeError):", "  pass"]
    lines.append(" raise path.missing(root)")
    exec(compile("\n".join(lines), "<path>", "exec"), constants)  # noqa: S102
    made: Callable[[Any], Any] = constants["get"]
    return made


def _looker(keys: tuple[str | int, ...]) -> Callable[[Any, Any], Any]:
    def look(root: Any, default: Any) -> Any:
        for key in keys:
            if type(key) is str:
                if type(root) is not dict or key not in root:
                    return default
            elif type(root) is not list or not -len(root) <= key < len(root):  # type: ignore[operator]
                return default
            root = root[key]
        return root

    return look


LONGEST_WAY = 60
"""Most keys of a singular path; Python nests expressions no deeper than 200."""


@lru_cache(maxsize=4096)
def compile_path(source: str) -> Path:
    """Return the compiled path.

    Raises:
        ExpressionSyntaxError: The text is not a JSONPath of RFC 9535; `offset` says at which character.
    """
    query = plain_query(source) or parse_query(source)
    if len(query.segments) > LONGEST_WAY:
        raise ExpressionSyntaxError(f"a path has at most {LONGEST_WAY} segments, this one {len(query.segments)}")
    return Path(source, query)
