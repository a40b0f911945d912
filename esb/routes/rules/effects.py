"""Effects: what happens when an outcome is unknown, where failures go, who is told; and no secret in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from esb.errors import Diagnostic
from esb.policies import POLICIES, FailurePolicy
from esb.reading import Document, Node
from esb.routes.outcome import REPEATED, acknowledge_to, needs_effect
from esb.routes.project import PROJECT_FILE
from esb.routes.rules.flow import rings
from esb.routes.rules.view import View
from esb.specs import EndpointSpec, StepSpec
from esb.steps.enrich import Enrich

_SECRET_KEY = re.compile(
    r"(?i)(?:.*[_-])?(?:password|passwd|secret|token|bearer|api[_-]?key|private[_-]?key|authorization)"
)
_KEYED = 'effect: { idempotency_key: "{{ message.effect_key }}" }'
_NEVER = "effect: { never_repeat: true }"
_NO_SECRET = re.compile(r"(?i)secret://|\$|\{\{|(?:bearer|basic)\s+(?:secret://|\{\{)|$")


def missing_effect(view: View) -> Iterator[Diagnostic]:
    """Warn of an endpoint that changes the outside and does not say what to do when nobody knows whether it did."""
    delivered = {named.name for _, named in view.used if named.kind == "endpoint" and _delivers_to(named.loc)}
    told = {name for visits in view.visits.values() for visit in visits if (name := _told(visit.spec))}
    for name, endpoint in view.project.endpoints.items():
        if (name in delivered and needs_effect(endpoint)) or (name in told and endpoint.effect is None):
            text = f'endpoint "{name}" does not say what to do when an outcome is unknown'
            advice = (
                f"tell how a repeat is recognised:\n{_KEYED}\n"
                "or how to look whether it happened:\n"
                'effect: { probe: { get: "/orders?ref={{ body.order.number }}" } }\n'
                f"or that a person decides:\n{_NEVER}"
            )
            note = "until then it is treated as never_repeat: unknown outcomes wait for a person"
            yield view.finding("W710", text, view.file("endpoint", name), ("type",), help=advice, note=note)
        elif name in delivered:
            yield from _unseen_repeats(view, name, endpoint)


def _unseen_repeats(view: View, name: str, endpoint: EndpointSpec) -> Iterator[Diagnostic]:
    """Warn of an endpoint whose repeats somebody behind it has to recognise, or that cannot be asked what it has."""
    file, effect = view.file("endpoint", name), endpoint.effect
    blind = endpoint.type in REPEATED or (endpoint.type == "sql" and not getattr(endpoint, "ledger", ""))
    if effect is not None and effect.probe is not None and blind:
        text = f'endpoint "{name}" cannot be asked whether something arrived; the probe has no effect'
        advice = "write effect: { never_repeat: true }, or tell how a repeat is recognised:\n" + _KEYED
        note = "until then unknown outcomes wait for a person"
        yield view.finding("W710", text, file, ("effect", "probe"), help=advice, note=note)
    elif effect is None and endpoint.type in REPEATED:
        text = f'endpoint "{name}" does not say what to do when an outcome is unknown'
        advice = f"if repeats are recognised, or may come:\n{_KEYED}\nor a person decides:\n{_NEVER}"
        yield view.finding("W710", text, file, ("type",), help=advice, note=f"until then {REPEATED[endpoint.type]}")


def _told(step: StepSpec) -> str:
    """Return the endpoint at which a step makes or changes something that a repeat would make twice."""
    return step.ask if isinstance(step, Enrich) and step.method in {"POST", "PATCH"} else ""


def _delivers_to(loc: tuple[str | int, ...]) -> bool:
    return loc[:1] != ("from",) and loc[-1] != "ask"


def divert_loops(view: View) -> Iterator[Diagnostic]:
    """Report endpoints whose failures are diverted to each other in a ring."""
    ways = {name: _diverts(view, endpoint) for name, endpoint in view.project.endpoints.items()}
    for ring in rings(ways):
        way = " → ".join(f'"{name}"' for name in (*ring, ring[0]))
        text = f"failures of endpoint {way} are diverted in a ring"
        also = tuple(view.place(view.file("endpoint", name), ("retry",)) for name in ring[1:])
        advice = "let one of them end in dead_letter or hold"
        yield view.finding("E717", text, view.file("endpoint", ring[0]), ("retry",), help=advice, also=also)


def _diverts(view: View, endpoint: EndpointSpec) -> tuple[str, ...]:
    policy = policy_named(view, endpoint.retry or view.project.spec.defaults.retry)
    if policy is None:
        return ()
    return tuple(address.removeprefix("delivery/") for address in policy.destinations())


def policy_named(view: View, name: str) -> FailurePolicy | None:
    """Return a policy of the project or of the house."""
    return {**POLICIES, **view.project.spec.policies}.get(name)


def acknowledgments(view: View) -> Iterator[Diagnostic]:
    """Report an acknowledgment that nobody would make or get."""
    for name, route in view.project.routes.items():
        origin = route.from_
        endpoint = view.project.endpoints.get(origin.endpoint or "") if origin is not None else None
        if origin is None or origin.acknowledge is None or endpoint is None:
            continue
        file, kind = view.file("route", name), origin.acknowledge.kind
        yield from _made(view, file, kind, endpoint)
        if acknowledge_to(view.project, origin):
            continue
        text = f"nobody says where the {kind} goes"
        where = f"schemas/partners/{endpoint.partner}.yaml" if endpoint.partner else "the partner's file"
        advice = f"add acknowledge_to: ENDPOINT to {where}, or write\nacknowledge: {{ kind: {kind}, to: ENDPOINT }}"
        yield view.finding("E713", text, file, ("from", "acknowledge"), help=advice)


def _made(view: View, file: str, kind: str, endpoint: EndpointSpec) -> Iterator[Diagnostic]:
    """Report an acknowledgment that the endpoint's format does not make, or makes otherwise."""
    loc, spec = ("from", "acknowledge"), endpoint.format
    own = getattr(spec, "acknowledge", None)
    if own is None:
        word = spec.type if spec is not None else "json"
        text, advice = f"the format {word} makes no acknowledgments", "remove it, or give the endpoint format: x12"
        yield view.finding("E720", text, file, loc, help=advice)
        return
    assert spec is not None
    if own != kind and "acknowledge" in spec.model_fields_set:
        text, advice = f"the endpoint's format makes {own}, this route asks for {kind}", "write it in one of them"
        yield view.finding("E720", text, file, loc, help=advice)


def written_secrets(view: View) -> Iterator[Diagnostic]:
    """Report passwords and tokens that stand in a file, where everybody who sees the project sees them."""
    for file, document in view.project.documents.items():
        if file == PROJECT_FILE or file.startswith("endpoints/"):
            yield from _secrets(document, document.root, "")


def _secrets(document: Document, node: Node, key: str, holder: str = "") -> Iterator[Diagnostic]:
    value = node.value
    if isinstance(value, Mapping):
        for name, (_, inner) in value.items():
            yield from _secrets(document, inner, name, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(document, inner, key, holder)
    elif _SECRET_KEY.fullmatch(key) and not _NO_SECRET.match(value):
        advice = _instead_of_secret(document.file, key, holder)
        yield Diagnostic("E601", "a secret is written in the file", document.at(node), help=advice)
    elif "://" in value and _password(value):
        advice = _instead_of_url(document.file, key)
        yield Diagnostic("E601", "a password is written in this URL", document.at(node), help=advice)


def _instead_of_secret(file: str, key: str, holder: str) -> str:
    reference = f"secret://env/{_variable(file, key)}"
    if holder != "headers":
        return f"write {key}: {reference}"
    if key.lower() == "authorization":
        return f"write auth: {{ bearer: {reference} }}"
    return f"write auth: {{ api_key: {{ header: {key}, key: {reference} }} }}"


def _password(url: str) -> bool:
    try:
        password = urlsplit(url).password
    except ValueError:
        return False
    return bool(password) and "{{" not in str(password)


def _variable(file: str, key: str) -> str:
    stem = file.rpartition("/")[2].removesuffix(".yaml")
    return re.sub(r"\W", "_", f"{stem}_{key}").upper()


def _instead_of_url(file: str, key: str) -> str:
    if file == PROJECT_FILE:
        return f"leave it out and set ESB_{key.upper()} in the environment"
    return "write the URL without it, and auth: { basic: { user: NAME, password: secret://env/NAME } }"
