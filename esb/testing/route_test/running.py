"""Running: one message through a watched route, as the router would run it; nothing leaves, all is kept."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from types import GeneratorType
from typing import Any, Final

from esb.envelope import pack
from esb.errors import EsbError, FailureClass, failure_class
from esb.message import BusinessKey, Message, NamedAsk, Send
from esb.pipeline import Result, Route, StepFailure, run
from esb.plan import DeadLetter, Divert, Failure, Hold, Ignore, Policy, RetryAfter, Verdict
from esb.policies.retry import spell
from esb.testing.route_test.answering import Answerer, Keys, NoAnswer
from esb.testing.route_test.watching import Passage, Watch

_MOST_ATTEMPTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Failed:
    """A step that failed (its path), how, and what the policy says to the first attempt."""

    step: str
    failure_class: FailureClass
    text: str
    verdict: Verdict
    sentence: str


@dataclass(slots=True)
class Ran:
    """What happened to one message. `missing`: a question that nobody answers stopped it. `at` = released there."""

    message: Message
    at: str = ""
    passages: list[Passage] = field(default_factory=list)
    result: Result = field(default_factory=Result)
    failed: Failed | None = None
    missing: str = ""

    def business_keys(self) -> list[BusinessKey]:
        """Return the business keys that the message came with, and those of what left."""
        return sorted({*self.message.keys, *self.result.keys}, key=lambda key: (key.kind, key.value))


@dataclass(slots=True)
class Watched:
    """A compiled route, what watches it, and what is done about its failures."""

    route: Route
    watch: Watch
    policy: Policy


async def run_message(watched: Watched, message: Message, answerer: Answerer, keys: Keys, at: str = "") -> Ran:
    """Run a message from the beginning, or from behind the waiting step `at`."""
    watched.watch.taken()
    ran, owners = Ran(message, at), set[str]()
    try:
        given = run(watched.route, message, at)
        if type(given) is GeneratorType:
            given = await _answered(given, watched.watch, answerer, keys, owners)
        assert isinstance(given, Result)
        _check_packets(watched.route.name, given)
        ran.result = given
        keys.passed(owners)
    except NoAnswer as error:
        ran.missing = str(error)
    except StepFailure as error:
        ran.failed = _failed(watched.policy, error.step, error.cause, message)
        ran.result = _diverted(ran.failed, message)
    ran.passages = watched.watch.taken()
    return ran


async def _answered(
    asking: Generator[NamedAsk, Any, Result], watch: Watch, answerer: Answerer, keys: Keys, owners: set[str]
) -> Result:
    """Drive a run, one question after another; `owners` gets those who may hold keys."""
    try:
        asked = next(asking)
        while True:
            owners.add(asked.owner)
            try:
                answer = await _answer(asked, watch, answerer, keys)
            except NoAnswer:
                asking.close()
                raise
            asked = asking.throw(answer) if isinstance(answer, Exception) else asking.send(answer)
    except StopIteration as stop:
        result: Result = stop.value
        return result


async def _answer(asked: NamedAsk, watch: Watch, answerer: Answerer, keys: Keys) -> Any:
    if asked.ask.kind == "keys":
        return keys.answer(asked)
    if asked.ask.kind == "numbers":
        return keys.numbers(asked)
    assert watch.asking is not None
    return await answerer(watch.asking, asked.ask)


def _check_packets(route: str, result: Result) -> None:
    """Refuse what could not travel, as the router does when it packs what leaves."""
    for message in (*(send.message for send in result.sends), *(park.message for park in result.parks)):
        try:
            pack(message)
        except EsbError as error:
            raise StepFailure(route, message, error) from error


def _failed(policy: Policy, step: str, cause: Exception, message: Message) -> Failed:
    kind, text = failure_class(cause), str(cause)
    first = Failure(kind, text, 1, getattr(cause, "retry_after", None), message.id)
    verdict = policy(first)
    return Failed(step, kind, text, verdict, in_words(policy, first))


def _diverted(failed: Failed, message: Message) -> Result:
    """Return what leaves all the same: a diverted message goes to another endpoint as it came."""
    if not isinstance(failed.verdict, Divert):
        return Result()
    return Result(sends=[Send(f"delivery/{failed.verdict.endpoint}", message, failed.step)])


def in_words(policy: Policy, first: Failure) -> str:
    """Return what a policy does about a failure that stays: its attempts, and how it ends."""
    total, attempt = 0.0, 1
    verdict = policy(first)
    while isinstance(verdict, RetryAfter) and attempt < _MOST_ATTEMPTS:
        total += verdict.seconds
        attempt += 1
        verdict = policy(Failure(first.failure_class, first.text, attempt, first.retry_after, first.key))
    end = _end_in_words(verdict)
    if attempt == 1:
        return end
    tries = "once more" if attempt == 2 else f"{attempt - 1} times more"
    return f"it is tried {tries}, for {spell(total)}; then {end}"


def _end_in_words(verdict: Verdict) -> str:
    if isinstance(verdict, DeadLetter):
        return "it becomes an exception that a person decides (dead letter)"
    if isinstance(verdict, Hold):
        return f"it waits for a person in {verdict.place}"
    if isinstance(verdict, Divert):
        return f"it goes to {verdict.endpoint} instead"
    if isinstance(verdict, Ignore):
        return f"that is an outcome, nobody needs to act: {verdict.reason}"
    return "it is tried again"


def kind_of(verdict: Verdict) -> str:
    """Return the name of a verdict as cases write it."""
    names = {RetryAfter: "retry", DeadLetter: "dead_letter", Hold: "hold", Divert: "divert", Ignore: "ignore"}
    return names[type(verdict)]
