"""Watching: a route compiled so that every step tells what it was given and what it gave; its outcome is the same."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from types import GeneratorType
from typing import Any

from esb.errors import EsbError
from esb.message import Ask, Message
from esb.pipeline import StepFailure
from esb.ports import Asking, Outputs, Step
from esb.routes import RouteSpec
from esb.routes.compiling import Compiler, Frame, Parts
from esb.routes.library import Library
from esb.specs import Entry


@dataclass(slots=True)
class Asked:
    """A question of a step and its answer; `failure` = what came instead; neither has come while it is `open`."""

    ask: Ask
    open: bool = True
    answer: Any = None
    failure: Exception | None = None


@dataclass(slots=True)
class Passage:
    """A message at a step. `written` is where the step stands: its route and its path in it.

    `outputs` is None while the step has not ended: it failed, or a question of it was never answered.
    """

    path: str
    written: tuple[str, str]
    entry: Entry
    given: Message
    outputs: Outputs | None = None
    asked: list[Asked] = field(default_factory=list)
    failure: Exception | None = None


@dataclass(slots=True)
class Watch:
    """What happened, in the order in which steps began. `asking` is the step whose question is open."""

    passages: list[Passage] = field(default_factory=list)
    asking: Passage | None = None

    def taken(self) -> list[Passage]:
        """Return what happened since the last call."""
        passages, self.passages, self.asking = self.passages, [], None
        return passages

    def wrap(self, step: Step, path: str, written: tuple[str, str], entry: Entry) -> Step:
        """Return the step, watched."""

        def watched(message: Message) -> Outputs | Asking:
            passage = Passage(path, written, entry, message)
            self.passages.append(passage)
            try:
                given = step(message)
            except Exception as error:
                passage.failure = _cause(error)
                raise
            if isinstance(given, GeneratorType):
                return self._asking(passage, given)
            passage.outputs = given  # type: ignore[assignment]
            return given

        return watched

    def _asking(self, passage: Passage, asking: Generator[Any, Any, Outputs]) -> Asking:
        """Pass questions and answers through; those of steps inside are noted at their own step."""
        try:
            asked = next(asking)
            while True:
                noted = self._noted(passage, asked)
                try:
                    answer = yield asked
                except EsbError as failed:
                    noted.open, noted.failure = False, failed
                    asked = asking.throw(failed)
                else:
                    noted.open, noted.answer = False, answer
                    asked = asking.send(answer)
        except StopIteration as stop:
            passage.outputs = stop.value
            return stop.value  # type: ignore[no-any-return]
        except Exception as error:
            passage.failure = _cause(error)
            raise

    def _noted(self, passage: Passage, asked: Any) -> Asked:
        noted = Asked(asked)
        if type(asked) is Ask:
            self.asking = passage
            passage.asked.append(noted)
        return noted


def _cause(error: Exception) -> Exception:
    return error.cause if isinstance(error, StepFailure) else error


class WatchingCompiler(Compiler):
    """Compiles a route as the bus does, each step wrapped; it knows in which route a called step is written."""

    def __init__(
        self, name: str, spec: RouteSpec, library: Library, routes: Mapping[str, RouteSpec], watch: Watch
    ) -> None:
        super().__init__(name, spec, library, routes)
        self._watch = watch
        self._sites: list[tuple[str, str]] = [(name, "")]

    def step(self, entry: Entry, parts: Parts) -> Step:
        """Return one step, watched."""
        route, prefix = self._sites[-1]
        written = (route, parts.path.removeprefix(prefix))
        return self._watch.wrap(super().step(entry, parts), parts.path, written, entry)

    def call(self, name: str, path: str, frame: Frame) -> Step:
        """Return the steps of a sub-route; what they tell names that route."""
        self._sites.append((name, f"{path}/"))
        try:
            return super().call(name, path, frame)
        finally:
            self._sites.pop()
