"""Show: a compiled route in sentences, as a person would tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esb.policies import POLICIES, FailurePolicy
from esb.routes.definition import From, RouteSpec
from esb.routes.nearest import meant
from esb.routes.outcome import effect_of
from esb.routes.project import Project
from esb.routes.replying import replies
from esb.routes.visit import steps_of
from esb.specs import Entry

_EFFECTS = {
    "idempotency_key": "a repeat is recognised by its key",
    "probe": "it is asked whether it happened",
    "never_repeat": "a person decides",
}


def show(project: Project, name: str) -> str:
    """Return a route in sentences.

    Raises:
        LookupError: There is no such route; names the nearest.
    """
    route = project.routes.get(name)
    if route is None:
        raise LookupError(f'route "{name}" does not exist; {meant(name, project.routes)}'.rstrip("; "))
    return "\n".join(_lines(project, name, route)) + "\n"


def _lines(project: Project, name: str, route: RouteSpec) -> Iterator[str]:
    yield f"route {name}" + (f": {route.description}" if route.description else "")
    owner = route.owner or project.spec.defaults.owner
    yield f"  owner   {owner}" if owner else "  owner   nobody"
    yield f"  from    {_origin(project, route.from_)}"
    for kind, key in route.key.items():
        whose = "ours" if key.scope == "house" else "of the partner"
        yield f"  key     {kind} = {key.value.source} ({whose})"
    if route.order_by is not None:
        yield f"  order   messages with the same {route.order_by.source} keep their order"
    yield "  steps"
    yield from _steps(route.steps, 2)
    if route.from_ is not None and replies(project, route.from_.endpoint):
        yield f"  reply   what comes out is the answer to who asked at {route.from_.endpoint}"
    yield f"  if a step fails: {_policy_name(route, project)}"
    yield from (f"    {line}" for line in _policy(project, route).sentences())
    yield from _deliveries(project, route)


def _origin(project: Project, origin: From | None) -> str:
    if origin is None:
        return "other routes, which call it"
    if origin.event is not None:
        return f"the event {origin.event}"
    endpoint = project.endpoints.get(origin.endpoint or "")
    parts = [f"endpoint {origin.endpoint}" + (f" ({endpoint.type})" if endpoint is not None else "")]
    if origin.each:
        parts.append(f"one message for each {origin.each}")
    if origin.release == "interchange":
        parts.append("released when the whole delivery is valid")
    if origin.acknowledge is not None:
        parts.append(f"acknowledged with {origin.acknowledge.kind}")
    return ", ".join(parts)


def _steps(steps: Sequence[Entry], depth: int) -> Iterator[str]:
    indent = "  " * depth
    width = max((len(entry.name) for entry in steps), default=0)
    for number, entry in enumerate(steps, 1):
        why = f"  ({entry.description})" if entry.description else ""
        yield f"{indent}{number}. {entry.name:<{width}}  {entry.spec.sentence()}{why}"
        branches = entry.spec.branches()
        conditions = {f"when-{n}": branch.when for n, branch in enumerate(getattr(entry.spec, "of", ()), 1)}
        for name, inner in branches:
            condition = conditions.get(name)
            yield f"{indent}   {name}" + (f": {condition.source}" if condition is not None else "")
            yield from _steps(inner, depth + 3)


def _policy_name(route: RouteSpec, project: Project) -> str:
    given = route.on_error or project.spec.defaults.on_error
    return f"policy {given}" if isinstance(given, str) else "its own policy"


def _policy(project: Project, route: RouteSpec) -> FailurePolicy:
    given = route.on_error or project.spec.defaults.on_error
    return _named(project, given) if isinstance(given, str) else given


def _named(project: Project, name: str) -> FailurePolicy:
    return project.spec.policies.get(name) or POLICIES.get(name) or FailurePolicy()


def _deliveries(project: Project, route: RouteSpec) -> Iterator[str]:
    addresses = {address for visit in steps_of(route.steps) for address in visit.spec.destinations()}
    names = sorted(address.removeprefix("delivery/") for address in addresses if address.startswith("delivery/"))
    for name in names:
        endpoint = project.endpoints.get(name)
        if endpoint is None:
            continue
        policy = endpoint.retry or project.spec.defaults.retry
        yield f"  to {name} ({endpoint.type}), policy {policy}; an unknown outcome: {_EFFECTS[effect_of(endpoint)]}"
        yield from (f"    {line}" for line in _named(project, policy).sentences())


def policies(project: Project) -> dict[str, str]:
    """Return for each policy in use how often it tries and for how long, the longest class of each."""
    used = {project.spec.defaults.on_error, project.spec.defaults.retry}
    used |= {route.on_error for route in project.routes.values() if isinstance(route.on_error, str)}
    used |= {endpoint.retry for endpoint in project.endpoints.values() if endpoint.retry}
    return {name: _effort(_named(project, name)) for name in sorted(used)}


def _effort(policy: FailurePolicy) -> str:
    longest = max(policy.rules().values(), key=lambda rule: (rule.attempts(), rule.longest()))
    return longest.sentence()
