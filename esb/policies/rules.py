"""Rules: what a policy does about the failures of one class, as a person writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from esb.plan import DeadLetter, Divert, Failure, Hold, Ignore, RetryAfter, Verdict
from esb.policies.retry import Retry, pause_before_next
from esb.specs import EndpointName, Spec

PlaceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class HoldRule(Spec):
    """It waits for a person."""

    scalar: ClassVar[str | None] = "queue"
    queue: PlaceName = Field(description="The place where people look after it.")


class DivertRule(Spec):
    """It goes to another endpoint instead."""

    scalar: ClassVar[str | None] = "endpoint"
    endpoint: EndpointName = Field(description="Where it goes instead.")


class IgnoreRule(Spec):
    """The failure is an outcome of its own; the trace says why."""

    scalar: ClassVar[str | None] = "reason"
    reason: str = Field(min_length=1, max_length=500, description="Why nobody needs to act.")


class Rule(Spec):
    """What to do about one class of failures: perhaps retry, then one verdict (default: dead letter)."""

    scalar: ClassVar[str | None] = "verdict"
    verdict: Literal["dead_letter"] | None = Field(None, description="It becomes an exception that a person decides.")
    retry: Retry | None = Field(None, description="Try again first.")
    hold: HoldRule | None = Field(None, description="It waits for a person in a queue.")
    divert: DivertRule | None = Field(None, description="It goes to another endpoint.")
    ignore: IgnoreRule | None = Field(None, description="It is an outcome, not an exception.")

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        given = [name for name in ("verdict", "hold", "divert", "ignore") if getattr(self, name) is not None]
        if len(given) > 1:
            hint = f"keep one of {' and '.join(given)}; only retry stands beside another"
            raise PydanticCustomError("rule", "a failure cannot end in two ways", {"help": hint})
        if not given and self.retry is None:
            hint = "write dead_letter, or retry, hold, divert or ignore with their keys"
            raise PydanticCustomError("rule", "this rule does nothing", {"help": hint})
        return self

    def attempts(self) -> int:
        """Return the tries in all, the first included."""
        return 1 if self.retry is None else len(self.retry.pauses()) + 1

    def longest(self) -> float:
        """Return the seconds from the first try to the last at most (see `Retry.total`)."""
        return 0.0 if self.retry is None else self.retry.total()

    def sentence(self) -> str:
        """Return the rule in words: `6 attempts, gives up after 1h 11m, then dead letter`."""
        end = self._ending_words()
        return end if self.retry is None else f"{self.retry.sentence()}, then {end}"

    def _ending_words(self) -> str:
        if self.hold is not None:
            return f"held in {self.hold.queue}"
        if self.divert is not None:
            return f"diverted to {self.divert.endpoint}"
        if self.ignore is not None:
            return f"ignored ({self.ignore.reason})"
        return "dead letter"

    def build(self) -> Callable[[Failure], Verdict]:
        """Return the pure decision."""
        end = self._ending()
        if self.retry is None:
            return end
        pauses, jitter = self.retry.pauses(), float(self.retry.jitter)

        def decide(failure: Failure) -> Verdict:
            pause = pause_before_next(pauses, jitter, failure)
            return end(failure) if pause is None else RetryAfter(pause)

        return decide

    def _ending(self) -> Callable[[Failure], Verdict]:
        if self.hold is not None:
            queue = self.hold.queue
            return lambda failure: Hold(queue, _reason(failure))
        if self.divert is not None:
            endpoint = self.divert.endpoint
            return lambda failure: Divert(endpoint, _reason(failure))
        if self.ignore is not None:
            ignored = self.ignore.reason
            return lambda failure: Ignore(f"{ignored} ({_reason(failure)})")
        return lambda failure: DeadLetter(_reason(failure))


def _reason(failure: Failure) -> str:
    """Return the class, the text, and how often it was tried if more than once."""
    tried = f", gave up after {failure.attempt} attempts" if failure.attempt > 1 else ""
    return f"{failure.failure_class}{tried}: {failure.text}"
