"""How a step runs the flows inside it, be they plain or asking."""

from __future__ import annotations

from collections.abc import Callable
from types import GeneratorType

from esb.errors import EsbError
from esb.message import Ask, Message, NamedAsk
from esb.ports import Asking, Outputs, Step


def then(given: Outputs | Asking, finish: Callable[[Outputs], Outputs]) -> Outputs | Asking:
    """Return what `finish` makes of the outputs of a flow; a flow that asks is asked first."""
    if isinstance(given, GeneratorType):
        return _later(given, finish)
    return finish(given)  # type: ignore[arg-type]


def _later(given: Asking, finish: Callable[[Outputs], Outputs]) -> Asking:
    return finish((yield from given))


def outputs_of(flow: Step, message: Message) -> Asking:
    """Run a flow from within an asking step: `outputs = yield from outputs_of(flow, message)`."""
    given = flow(message)
    if isinstance(given, GeneratorType):
        outputs: Outputs = yield from given
        return outputs
    return given  # type: ignore[return-value]


def at_once(asking: Asking) -> Outputs | Asking:
    """Return the outputs of a run that turns out to ask nothing; one that asks goes on where it stands."""
    try:
        asked = next(asking)
    except StopIteration as stop:
        outputs: Outputs = stop.value
        return outputs
    return _resumed(asking, asked)


def _resumed(asking: Asking, asked: Ask | NamedAsk) -> Asking:
    try:
        while True:
            try:
                answer = yield asked
            except EsbError as failed:
                asked = asking.throw(failed)
            else:
                asked = asking.send(answer)
    except StopIteration as stop:
        outputs: Outputs = stop.value
        return outputs
