"""Compiling: a route's steps become functions, with an entry behind each step that waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esb.errors import DefinitionError, EsbError
from esb.expressions import scope_of
from esb.message import BusinessKey, Claim, Message
from esb.pipeline import Named, Route, sequence
from esb.ports import Contract, Step, Transform
from esb.routes.definition import Key, RouteSpec
from esb.routes.library import AbsentError, Library
from esb.routes.replying import reply_steps
from esb.specs import Entry, Interchanges, Table

_READY = frozenset({bytes, Claim})
"""Bodies that leave as they are: bytes, and what stands for bytes in the blob store."""


class BuildError(DefinitionError):
    """A step cannot be built; `step` is its path."""

    def __init__(self, step: str, cause: DefinitionError) -> None:
        super().__init__(str(cause), cause.diagnostics)
        self.step = step


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in a line of steps, and the place of the step that holds this line."""

    line: list[Named]
    index: int
    outer: Frame | None

    def following(self) -> list[Named]:
        """Return all that comes behind this place, in this line and then in the lines around it."""
        rest = self.line[self.index + 1 :]
        return rest if self.outer is None else rest + self.outer.following()


@dataclass(slots=True)
class Compiler:
    """Compiles one route; sub-routes that it calls become part of it, with the call site in their paths."""

    name: str
    spec: RouteSpec
    library: Library
    routes: Mapping[str, RouteSpec]
    waiting: dict[str, Frame] = field(default_factory=dict)
    called: tuple[str, ...] = ()

    def route(self) -> Route:
        """Return the compiled route.

        Raises:
            DefinitionError: A part cannot be built; its diagnostics say where, if it knows.
        """
        entry = self.line(self.spec.steps, "", None)
        entries = {path: sequence(self.name, frame.following()) for path, frame in self.waiting.items()}
        order = None if self.spec.order_by is None else _order_key(self.spec.order_by)
        return Route(self.name, entry, entries, self.keys, order, self.spec.owner)

    def line(self, steps: Sequence[Entry], prefix: str, outer: Frame | None) -> Step:
        """Return steps as one step; `prefix` begins their paths."""
        line: list[Named] = []
        for index, entry in enumerate(steps):
            path = prefix + entry.name
            frame = Frame(line, index, outer)
            line.append((path, self.step(entry, Parts(self, self.name, path, frame))))
            if entry.spec.waits:
                self.waiting[path] = frame
        if not prefix:
            line.extend(reply_steps(self.library.project, self.spec))
        return sequence(self.name, line)

    def step(self, entry: Entry, parts: Parts) -> Step:
        """Return one step; what its room refuses gets the path of the step."""
        try:
            return entry.spec.build(parts)
        except (AbsentError, BuildError):
            raise
        except DefinitionError as error:
            raise BuildError(parts.path, error) from error

    def call(self, name: str, path: str, frame: Frame) -> Step:
        """Return the steps of a sub-route as one step."""
        if name in self.called or name == self.name:
            way = " → ".join([self.name, *self.called, name])
            raise AbsentError(f"the routes {way} call each other without end")
        if name not in self.routes:
            raise AbsentError(f"route {name!r} does not exist")
        self.called = (*self.called, name)
        try:
            return self.line(self.routes[name].steps, f"{path}/", frame)
        finally:
            self.called = self.called[:-1]

    def keys(self, message: Message) -> tuple[BusinessKey, ...]:
        """Return the business keys that a message has or shows now; what it does not show is no error."""
        return keys_of(self.spec.key, message)


@dataclass(slots=True)
class Parts:
    """What a step may use while it is built (specs.Resources)."""

    compiler: Compiler
    route: str
    path: str
    frame: Frame

    def flow(self, name: str, steps: Sequence[Any]) -> Step:
        """Return the steps of a branch as one step."""
        return self.compiler.line(steps, f"{self.path}/{name}/", self.frame)

    def call(self, route: str) -> Step:
        """Return the steps of a sub-route as one step."""
        return self.compiler.call(route, self.path, self.frame)

    def transform(self, name: str) -> Transform:
        """Return a transform of the project."""
        return self.compiler.library.transform(name)

    def contract(self, name: str) -> Contract:
        """Return a contract of the project."""
        return self.compiler.library.contract(name)

    def table(self, name: str) -> Table:
        """Return a lookup table of the project."""
        return self.compiler.library.table(name)

    def outgoing(self, endpoint: str) -> Callable[[Message], Message]:
        """Return what renders a message for an endpoint."""
        return outgoing(self.compiler.library, endpoint)

    def interchanges(self, endpoint: str) -> Interchanges | None:
        """Return how an endpoint gets interchanges with control numbers."""
        return self.compiler.library.interchanges(endpoint)

    def keys(self, message: Message) -> tuple[BusinessKey, ...]:
        """Return the business keys of a message whose body has changed."""
        return self.compiler.keys(message)


def outgoing(library: Library, endpoint: str) -> Callable[[Message], Message]:
    """Return what makes a message ready for an endpoint: bytes stay, a document is rendered in its format.

    An endpoint that names no format gets JSON; a text (from a template or a stylesheet) it gets as it is.
    """
    format_ = library.format(endpoint)
    name, render = format_.name, format_.render
    plain = library.endpoint(endpoint).format is None

    def ready(message: Message) -> Message:
        body = message.body
        if type(body) in _READY:
            return message
        if plain and isinstance(body, str) and message.format != "json":
            return message.with_body(body.encode())
        return message.with_body(render(body), name)

    return ready


def keys_of(declared: Mapping[str, Key], message: Message) -> tuple[BusinessKey, ...]:
    """Return the keys that a message carries already, and those that its body shows."""
    found = dict.fromkeys(message.keys)
    if declared:
        scope = scope_of(message)
        for kind, key in declared.items():
            value = shown(key.value, message, scope)
            if value:
                found[BusinessKey(kind, value, _scope(key, message))] = None
    return tuple(found)


def shown(value: Any, message: Message, scope: Mapping[str, Any]) -> str:
    """Return the text of a key, or nothing where the body does not show it (yet) or shows no single value."""
    try:
        given = value(message.body, scope)
    except EsbError:
        return ""
    if given is None or isinstance(given, dict | list | bool | bytes):
        return ""
    return str(given)


def _scope(key: Key, message: Message) -> str:
    return "house" if key.scope == "house" or not message.partner else message.partner


def _order_key(value: Any) -> Callable[[Message], str]:
    return lambda message: shown(value, message, scope_of(message))
