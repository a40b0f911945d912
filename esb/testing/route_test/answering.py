"""Answering: what a route learns in a case: keys that were seen, and what a person says that systems would answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from esb.envelope import decode_document
from esb.errors import (
    EndpointError,
    EsbError,
    FailureClass,
    FormatError,
    RejectedError,
    ThrottledError,
    UnknownOutcomeError,
    ValidationError,
)
from esb.message import Ask, NamedAsk, Scope
from esb.testing.route_test.cases import Mock, MockError, Seen
from esb.testing.route_test.comparing import shown
from esb.testing.route_test.watching import Passage

_ERRORS: Final[Mapping[FailureClass, type[EsbError]]] = {
    "invalid": ValidationError,
    "rejected": RejectedError,
    "throttled": ThrottledError,
    "transient": EndpointError,
    "unknown": UnknownOutcomeError,
    "bug": EsbError,
}

Answerer = Callable[[Passage, Ask], Awaitable[Any]]
"""Gives the answer to a question of a step, or the exception that stands for it. Raises NoAnswer if it has none."""


class NoAnswer(Exception):
    """Nobody says what the answer to a question is; the text says what to write."""


@dataclass(slots=True)
class Keys:
    """What the store keeps: keys of deduplicate steps, reserved by one message and done once it has passed; numbers."""

    seen: Sequence[Seen] = ()
    _owners: dict[tuple[str, str], str] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _last: dict[Scope, int] = field(default_factory=dict)

    def answer(self, asked: NamedAsk) -> bytes:
        """Return `first`, `duplicate`, or `wait` if the message that came first has failed and may come again."""
        space, key = asked.ask.target, str(asked.ask.request["key"])
        if any(each.key == key and each.space in (None, space) for each in self.seen):
            return b"duplicate"
        owner = self._owners.setdefault((space, key), asked.owner)
        if owner == asked.owner:
            return b"first"
        return b"duplicate" if owner in self._done else b"wait"

    def numbers(self, asked: NamedAsk) -> list[int]:
        """Return the next control number of each scope; every case begins with 1."""
        taken = []
        for scope in asked.ask.request["scopes"]:
            self._last[scope] = self._last.get(scope, 0) + 1
            taken.append(self._last[scope])
        return taken

    def passed(self, owners: Iterable[str]) -> None:
        """Note that a message has passed: the keys of these owners are done."""
        self._done.update(owners)


async def nobody(passage: Passage, ask: Ask) -> Any:
    """Have no answer, and say how a case gives one. Raises NoAnswer."""
    step = passage.path.rpartition("/")[2]
    raise NoAnswer(
        f"step {passage.path} {question(ask)}, and nobody says what the answer is; "
        f"write under mocks: {step}: {{ reply: … }} (or {ask.target}: for every step that asks it)"
    )


class Mocks:
    """Answers questions as a case says: by the step's path, its id, or the endpoint that is asked; else `otherwise`."""

    def __init__(self, mocks: Mapping[str, Mock], read: Callable[[str], bytes], otherwise: Answerer = nobody) -> None:
        self._mocks, self._read, self._otherwise = mocks, read, otherwise
        self._used: dict[str, int] = {}

    async def __call__(self, passage: Passage, ask: Ask) -> Any:
        """Return the answer. Raises NoAnswer."""
        for name in (passage.path, passage.path.rpartition("/")[2], ask.target):
            mock = self._mocks.get(name)
            if mock is not None and "rows" not in mock.model_fields_set:
                return self._answer(name, mock, ask)
        return await self._otherwise(passage, ask)

    def _answer(self, name: str, mock: Mock, ask: Ask) -> Any:
        written = mock.model_fields_set
        if "error" in written and mock.error is not None:
            return failure(mock.error)
        if "file" in written:
            return self._document(mock.file)
        if "paths" in written:
            path = str(ask.request.get("path", ""))
            if path in mock.paths:
                return mock.paths[path]
            raise NoAnswer(f"the mock {name} has no answer for {path}; write it under paths:")
        if "replies" in written:
            number = self._used.get(name, 0)
            self._used[name] = number + 1
            if number < len(mock.replies):
                return mock.replies[number]
            raise NoAnswer(f"the mock {name} has {len(mock.replies)} replies, and this is question {number + 1}")
        return mock.reply

    def _document(self, name: str) -> Any:
        try:
            return decode_document(self._read(name))
        except FormatError as error:
            raise NoAnswer(f"the answer {name} is not JSON: {error}") from error


def failure(error: MockError) -> EsbError:
    """Return the error that a mock stands for."""
    kind = _ERRORS[error.class_]
    if issubclass(kind, EndpointError):
        return kind(error.text, error.retry_after)
    return kind(error.text)


def question(ask: Ask) -> str:
    """Return a question in words: `asks erp for GET /customers/7`."""
    request = ask.request if isinstance(ask.request, Mapping) else {}
    if ask.kind == "keys":
        return f"asks whether {ask.target} has seen the key {request.get('key')!r}"
    if ask.kind == "numbers":
        scopes = ", ".join(f"{scope.level} {scope.kind}".strip() for scope in request["scopes"])
        return f"takes the next control numbers for {ask.target} ({scopes})"
    path = request.get("path")
    if path is None:
        return f"asks {ask.target} for {shown(ask.request)}"
    body = f" with {shown(request['body'])}" if request.get("body") is not None else ""
    return f"asks {ask.target} for {request.get('method', 'GET')} {path}{body}"
