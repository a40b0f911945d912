"""Policies: what to do about a failure. Three come with the house; `policies:` in esb.yaml names more."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from esb.errors import DefinitionError
from esb.policies.policy import CLASSES, RUNGS, FailurePolicy, retrying
from esb.policies.retry import Retry, spell
from esb.policies.rules import Rule

__all__ = ["CLASSES", "POLICIES", "STANDARD", "FailurePolicy", "Retry", "Rule", "builtin", "spell"]

STANDARD: Final = "standard"
"""The policy of every route and endpoint that names none."""

_PATIENT: Final = retrying(*RUNGS, give_up_after=3 * 86400.0)
_QUICK: Final = retrying(1.0, 10.0)

POLICIES: Final[Mapping[str, FailurePolicy]] = MappingProxyType(
    {
        STANDARD: FailurePolicy(description="For most routes: mends outages of an hour."),
        "patient": FailurePolicy(
            description="For receivers that may be away over a weekend: hourly for three days.",
            throttled=_PATIENT,
            transient=_PATIENT,
            unknown=_PATIENT,
        ),
        "quick": FailurePolicy(
            description="For what is worthless when late: seconds, then a person.",
            throttled=_QUICK,
            transient=_QUICK,
            unknown=_QUICK,
        ),
    }
)


def builtin(name: str) -> FailurePolicy:
    """Return the policy that comes with the house under this name.

    Raises:
        DefinitionError: There is none; names the nearest.
    """
    try:
        return POLICIES[name]
    except KeyError:
        near = get_close_matches(name, POLICIES, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(POLICIES)}"
        raise DefinitionError(f"no policy is called {name!r}; {hint}") from None
