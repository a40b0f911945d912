"""Route and run(): pure. Same message and same answers give the same sends; nothing here knows a clock or a socket."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import GeneratorType
from typing import Any, TypeAlias

from msgspec.structs import replace

from esb.errors import EsbError, FailureClass, failure_class
from esb.message import Ask, BusinessKey, End, Message, NamedAsk, Note, Output, Park, Send, ask_name, send_id
from esb.ports import Answer, Asking, Outputs, Step

Named: TypeAlias = tuple[str, Step]
"""A step and its path: names joined by `/`, of branches and call sites too, never an index."""

Waiting: TypeAlias = tuple[int, Message, Generator[Any, Any, Any]]


class StepFailure(EsbError):
    """A step raised: `step` is its path, `message` what it was given, `cause` what it raised."""

    def __init__(self, step: str, message: Message, cause: Exception) -> None:
        super().__init__(f"{step}: {cause}")
        self.step, self.message, self.cause = step, message, cause

    @property
    def failure_class(self) -> FailureClass:
        """Return the class of what the step raised."""
        return failure_class(self.cause)


def sequence(route: str, steps: Sequence[Named]) -> Step:
    """Return the steps as one step: messages pass from one to the next, everything else is kept."""
    line = tuple(steps)

    def run(message: Message) -> Outputs | Asking:
        work: list[tuple[int, Message]] = [(0, message)]
        out: list[Output] = []
        asking = _advance(line, work, out)
        return out if asking is None else _ask(route, line, work, out, asking)

    return run


def _advance(line: tuple[Named, ...], work: list[tuple[int, Message]], out: list[Output]) -> Waiting | None:
    """Run plain steps until the work is done (None) or one asks (its index, its message and its generator)."""
    last = len(line)
    while work:
        index, message = work.pop()
        if index == last:
            out.append(message)
            continue
        path, step = line[index]
        try:
            result = step(message)
        except StepFailure:
            raise
        except Exception as error:  # the consumer turns it into a verdict; here it only learns its place
            raise StepFailure(path, message, error) from error
        if type(result) is GeneratorType:
            return index, message, result
        _spread(result, index + 1, work, out)  # type: ignore[arg-type]
    return None


def _spread(result: Outputs, following: int, work: list[tuple[int, Message]], out: list[Output]) -> None:
    for item in reversed(result):
        if type(item) is Message:
            work.append((following, item))
    out.extend(item for item in result if type(item) is not Message)


def _ask(
    route: str,
    line: tuple[Named, ...],
    work: list[tuple[int, Message]],
    out: list[Output],
    asking: Waiting | None,
) -> Generator[NamedAsk, Answer, Outputs]:
    """Drive an asking step, naming its asks, then go on; a flat loop, so that many parts may ask."""
    while asking is not None:
        index, message, generator = asking
        result = yield from _answered(route, line[index][0], message, generator)
        _spread(result, index + 1, work, out)
        asking = _advance(line, work, out)
    return out


def _answered(
    route: str, path: str, message: Message, generator: Generator[Any, Any, Any]
) -> Generator[NamedAsk, Answer, Outputs]:
    """Pass the asks of one step up, named; asks of nested steps have their names already."""
    answer: Any = None
    index = 0
    owner = f"{message.id}.{message.generation}.{route}"
    try:
        asked = next(generator)
        while True:
            if type(asked) is Ask:
                asked = NamedAsk(ask_name(route, message, path, index), asked, message.id, owner)
                index += 1
            try:
                answer = yield asked
            except EsbError as failed:
                asked = generator.throw(failed)
            else:
                asked = generator.send(answer)
    except StopIteration as stop:
        outputs: Outputs = stop.value
        return outputs
    except StepFailure:
        raise
    except Exception as error:
        raise StepFailure(path, message, error) from error


@dataclass(slots=True)
class Result:
    """What one run of a route gave: sends with their final ids, and how the ways without a send ended."""

    sends: list[Send] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    parks: list[Park] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    keys: set[BusinessKey] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Route:
    """Compiled steps. `entries` maps the path of a waiting step to what comes behind it (release, replay)."""

    name: str
    entry: Step
    entries: Mapping[str, Step] = field(default_factory=dict)
    keys: Callable[[Message], tuple[BusinessKey, ...]] = lambda message: message.keys
    order_key: Callable[[Message], str] | None = None
    owner: str = ""


def run(route: Route, message: Message, at: str = "") -> Result | Generator[NamedAsk, Answer, Result]:
    """Run a message through its route, or from behind step `at`; a generator if a step asks.

    Raises:
        StepFailure: A step failed; nothing leaves, the policy decides. An unknown `at` fails there.
    """
    step = route.entry
    if at:
        try:
            step = route.entries[at]
        except KeyError as error:
            raise StepFailure(at, message, LookupError(f"route {route.name} has no waiting step {at!r}")) from error
    given = step(message)
    if type(given) is GeneratorType:
        return _finish(route.name, given)
    return collect(route.name, given)  # type: ignore[arg-type]


def _finish(route: str, given: Generator[NamedAsk, Answer, Outputs]) -> Generator[NamedAsk, Answer, Result]:
    return collect(route, (yield from given))


def collect(route: str, outputs: Outputs) -> Result:
    """Sort outputs by kind and give every send its id; a message that passed the last step leaves no trace here."""
    result = Result()
    taken: dict[str, int] = {}
    for item in outputs:
        kind = type(item)
        if kind is Send:
            assert isinstance(item, Send)
            result.sends.append(_addressed(route, item, taken))
            result.keys.update(item.message.keys)
        elif kind is Note:
            result.notes.append(item)  # type: ignore[arg-type]
        elif kind is End:
            result.ends.append(item)  # type: ignore[arg-type]
        elif kind is Park:
            result.parks.append(item)  # type: ignore[arg-type]
    return result


def _addressed(route: str, send: Send, taken: dict[str, int]) -> Send:
    """Return the send with its derived id; equal sends of one step are told apart by their number."""
    message = send.message
    first = send_id(route, message, send.step, send.to, 0)
    index = taken.get(first, 0)
    taken[first] = index + 1
    name = first if not index else send_id(route, message, send.step, send.to, index)
    return replace(send, message=replace(message, id=name, causation_id=message.id, scratch={}))
