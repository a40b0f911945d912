"""Outcome: what becomes of a delivery whose outcome nobody knows, and who is told that an interchange arrived."""

from __future__ import annotations

from typing import Literal

from esb.plan import DeadLetter, Failure, Policy, Verdict
from esb.routes.definition import From
from esb.routes.project import Project
from esb.specs import EndpointSpec

_SAFE_METHODS = {"GET", "HEAD", "PUT", "DELETE"}
"""RFC 9110 §9.2.2: sending these twice does what sending them once does."""


REPEATED = {
    "queue": "it is published again with the same message_id, which whoever consumes it has to recognise",
    "smtp": "the mail is sent again with the same Message-ID, and may arrive twice",
}
"""What happens at endpoints that repeat unknown outcomes although nothing there is sure to recognise a repeat."""


def recognises(endpoint: EndpointSpec, method: str) -> bool:
    """Whether a call of a step that changes something may be made again when nobody knows whether it was applied."""
    if endpoint.effect is None:
        return method in _SAFE_METHODS
    return endpoint.effect.idempotency_key is not None and not endpoint.effect.never_repeat


def needs_effect(endpoint: EndpointSpec) -> bool:
    """Whether a repeat at this endpoint could do something twice, and nobody said how that is recognised."""
    method = str(getattr(endpoint, "method", "POST")).upper()
    return endpoint.type == "http_out" and endpoint.effect is None and method not in _SAFE_METHODS


def effect_of(endpoint: EndpointSpec) -> Literal["idempotency_key", "probe", "never_repeat"]:
    """Return what an unknown outcome means at an endpoint; where nobody says, nothing may happen twice."""
    if endpoint.effect is None:
        return "never_repeat" if needs_effect(endpoint) else "idempotency_key"
    if endpoint.effect.never_repeat:
        return "never_repeat"
    return "probe" if endpoint.effect.probe is not None else "idempotency_key"


def never_repeating(policy: Policy) -> Policy:
    """Return the policy of an endpoint whose unknown outcomes wait for a person, whatever it says of retries."""

    def decide(failure: Failure) -> Verdict:
        if failure.failure_class == "unknown":
            return DeadLetter(f"unknown: {failure.text}; it may have been applied, a person must look")
        return policy(failure)

    return decide


def acknowledge_to(project: Project, origin: From | None) -> str:
    """Return the endpoint that gets the acknowledgments of what a route receives, or nothing."""
    if origin is None or origin.acknowledge is None or origin.endpoint is None:
        return ""
    endpoint = project.endpoints.get(origin.endpoint)
    partner = project.partners.get(endpoint.partner) if endpoint is not None else None
    return origin.acknowledge.to or (partner.acknowledge_to if partner is not None else None) or ""
