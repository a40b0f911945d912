"""A policy: one rule per failure class. It decides and does nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from pydantic import Field

from esb.errors import FailureClass
from esb.plan import Failure, Policy, Verdict
from esb.policies.retry import Retry
from esb.policies.rules import Rule
from esb.specs import PolicySpec

CLASSES: Final[tuple[FailureClass, ...]] = get_args(FailureClass)

RUNGS: Final = (1.0, 10.0, 60.0, 600.0, 3600.0)
"""The pauses that channels keep ready (seconds); a policy may use others, these cost least."""


def retrying(*delays: float, give_up_after: float | None = None) -> Rule:
    """Return the rule that tries again after these seconds, the last repeating until `give_up_after`."""
    spelled = [f"{delay:.0f}s" for delay in delays]
    limit = None if give_up_after is None else f"{give_up_after:.0f}s"
    return Rule(retry=Retry.model_validate({"delays": spelled, "give_up_after": limit}))


_DEAD: Final = Rule(verdict="dead_letter")
_RUNGS: Final = retrying(*RUNGS)
_TWICE: Final = retrying(1.0, 10.0)


class FailurePolicy(PolicySpec):
    """What to do about failures, by class; a class that is not written is treated as `standard` does."""

    description: str = Field("", description="When to use this policy.")
    invalid: Rule = Field(_DEAD, description="Our own checks refused the message.")
    rejected: Rule = Field(_DEAD, description="The receiver understood it and said no.")
    throttled: Rule = Field(_RUNGS, description="The receiver asks to slow down; Retry-After is honoured.")
    transient: Rule = Field(_RUNGS, description="The outside world failed and may heal; nothing was applied.")
    unknown: Rule = Field(
        _RUNGS, description="It may have been applied: used where the effect makes a repeat safe, held otherwise."
    )
    bug: Rule = Field(_TWICE, description="An error that nobody foresaw, ours most likely.")

    def rules(self) -> Mapping[FailureClass, Rule]:
        """Return the rule of every class."""
        return {name: getattr(self, name) for name in CLASSES}

    def attempts(self) -> int:
        """Return the tries after which every failure has ended, whatever its class (lint prints it)."""
        return max(rule.attempts() for rule in self.rules().values())

    def longest(self) -> float:
        """Return the seconds after which every failure has ended, the attempts' own time and Retry-After aside."""
        return max(rule.longest() for rule in self.rules().values())

    def destinations(self) -> tuple[str, ...]:
        """Return the addresses that this policy diverts to, for lint and graph."""
        diverts = (rule.divert for rule in self.rules().values())
        return tuple(sorted({f"delivery/{divert.endpoint}" for divert in diverts if divert is not None}))

    def sentences(self) -> tuple[str, ...]:
        """Return one line per class, classes with the same rule together, for `esb show`."""
        grouped: dict[str, list[str]] = {}
        for name, rule in self.rules().items():
            grouped.setdefault(rule.sentence(), []).append(name)
        return tuple(f"{', '.join(names)}: {text}" for text, names in grouped.items())

    def build(self) -> Policy:
        """Return the pure policy."""
        decisions = {name: rule.build() for name, rule in self.rules().items()}

        def decide(failure: Failure) -> Verdict:
            return decisions[failure.failure_class](failure)

        return decide
