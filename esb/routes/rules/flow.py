"""Flow: every way has an end, every branch can be taken, every step can be named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from esb.errors import Diagnostic
from esb.routes.replying import replies
from esb.routes.rules.names import topic_matches
from esb.routes.rules.view import View
from esb.routes.visit import Visit
from esb.specs import Entry

_THROUGH = {"choose", "call"}
"""Steps that let a message go on behind them from inside their branches; any other must come back first."""
_SIEVES = {"filter", "deduplicate", "hold"}
"""Steps behind which perhaps nothing goes on: they may end a loop of events."""


def call_loops(view: View) -> Iterator[Diagnostic]:
    """Report routes that call each other in a ring."""
    calls: dict[str, dict[str, Visit]] = defaultdict(dict)
    for name, visits in view.visits.items():
        for visit in visits:
            if visit.entry.verb == "call":
                calls[name].setdefault(str(getattr(visit.spec, "route", "")), visit)
    for ring in rings({name: tuple(targets) for name, targets in calls.items()}):
        way = " → ".join(f'"{name}"' for name in (*ring, ring[0]))
        places = [view.at_step(a, calls[a][b]) for a, b in pairwise((*ring, ring[0]))]
        advice = "take the call out of one of them"
        yield Diagnostic("E701", f"route {way} never ends", places[0], help=advice, also=tuple(places[1:]))


def event_loops(view: View) -> Iterator[Diagnostic]:
    """Report events that come back to the route that publishes them; a filter on the way makes it a warning."""
    listens = {
        name: route.from_.event
        for name, route in view.project.routes.items()
        if route.from_ is not None and route.from_.event is not None
    }
    published = {name: _publishes(view, name) for name in view.visits}
    feeds = {
        name: tuple(
            other for other, pattern in listens.items() if any(topic_matches(pattern, event) for event in events)
        )
        for name, events in published.items()
    }
    for ring in rings(feeds):
        steps = [_feeding(published[a], listens[b]) for a, b in pairwise((*ring, ring[0]))]
        free = all(not _conditional(visit) for visit in steps)
        way = " → ".join(f'"{name}"' for name in (*ring, ring[0]))
        text = f"route {way}: its event comes back to it" if free else f"route {way}: its event may come back to it"
        places = [view.at_step(name, visit) for name, visit in zip(ring, steps, strict=True)]
        advice = "publish another event, or subscribe to fewer"
        yield Diagnostic(
            "E702" if free else "W702", text, places[0], "error" if free else "warning",
            help=advice, also=tuple(places[1:]),
        )  # fmt: skip


def _publishes(view: View, route: str, seen: tuple[str, ...] = ()) -> dict[str, Visit]:
    """Return the events that a route publishes, itself or by what it calls, with the step of its own that does."""
    found: dict[str, Visit] = {}
    for visit in view.visits.get(route, ()):
        for address in visit.spec.destinations():
            if address.startswith("event/"):
                found.setdefault(address.removeprefix("event/"), visit)
        called = str(getattr(visit.spec, "route", "")) if visit.entry.verb == "call" else ""
        if called and called not in (*seen, route):
            for event in _publishes(view, called, (*seen, route)):
                found.setdefault(event, visit)
    return found


def _feeding(published: Mapping[str, Visit], pattern: str) -> Visit:
    return next(visit for event, visit in published.items() if topic_matches(pattern, event))


def _conditional(visit: Visit) -> bool:
    above: Iterable[Entry] = (*visit.after, *visit.holders)
    return any(entry.verb in {*_SIEVES, "choose", "guard"} for entry in above)


def rings(ways: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Return every ring once, beginning with its first name in the alphabet; found by depth, without recursion."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    done: set[str] = set()
    for start in sorted(ways):
        stack: list[tuple[str, tuple[str, ...]]] = [(start, (start,))]
        while stack:
            name, way = stack.pop()
            for target in ways.get(name, ()):
                if target in way:
                    ring = way[way.index(target) :]
                    first = ring.index(min(ring))
                    found.setdefault(frozenset(ring), ring[first:] + ring[:first])
                elif target not in done:
                    stack.append((target, (*way, target)))
        done.add(start)
    return sorted(found.values())


def step_ids(view: View) -> Iterator[Diagnostic]:
    """Report steps of one flow that share a name: traces, tests and ids could not tell them apart."""
    for route, visits in view.visits.items():
        file = view.file("route", route)
        flows: dict[tuple[str, str], list[Visit]] = defaultdict(list)
        for visit in visits:
            flows[(visit.path.rpartition("/")[0], visit.entry.name)].append(visit)
        for (_, name), twins in flows.items():
            if len(twins) < 2:
                continue
            first, second = twins[0], twins[1]
            also = tuple(view.at_step(route, visit) for visit in (first, *twins[2:]))
            if second.entry.id is not None:
                text = f'two steps of this flow are called "{name}"'
                loc = (*second.loc, "id")
                yield view.finding("E707", text, file, loc, help="give one of them another id", also=also)
            else:
                text = f'{len(twins)} steps of this flow are called "{name}", because they have no id'
                place = view.at_step(route, second)
                yield Diagnostic("E708", text, place, help=f"add an id: - id: {_example(second)}", also=also)


def _example(visit: Visit) -> str:
    """Return an id that says what a step is for: its verb and what it is pointed at."""
    scalar = type(visit.spec).scalar
    aim = getattr(visit.spec, scalar, "") if scalar else ""
    aim = aim[0] if isinstance(aim, tuple) and aim else aim
    word = aim if isinstance(aim, str) and aim else "two"
    return f"{visit.entry.verb}-{''.join(char if char.isalnum() else '-' for char in word)}"[:64].rstrip("-")


def unreachable(view: View) -> Iterator[Diagnostic]:
    """Report branches that no message takes, and steps behind an end."""
    for route, visits in view.visits.items():
        for visit in visits:
            if visit.entry.verb == "choose":
                yield from _branches(view, route, visit)
            if visit.after and _ends(visit.after[-1]):
                above = visit.after[-1]
                text = f'nothing comes behind "{above.name}": it ends every message'
                advice = "remove the steps behind it, or give it a condition"
                yield Diagnostic("E706", text, view.at_step(route, visit), help=advice)


def _ends(entry: Entry) -> bool:
    return entry.spec.ends or (entry.verb == "filter" and _constant(getattr(entry.spec, "keep_if", None)) is False)


def _branches(view: View, route: str, visit: Visit) -> Iterator[Diagnostic]:
    file = view.file("route", route)
    seen: dict[str, int] = {}
    branches = getattr(visit.spec, "of", ())
    for number, branch in enumerate(branches):
        if branch.when is None:
            continue
        loc = (*visit.loc, "choose", "of", number, "when")
        source = str(branch.when.source).strip()
        if source in seen:
            text = f"this branch is never taken: branch {seen[source] + 1} has the same condition"
            yield view.finding("E704", text, file, loc, help="remove it, or change its condition")
        elif _constant(branch.when) is False:
            yield view.finding("E704", "this branch is never taken: its condition is never true", file, loc)
        elif _constant(branch.when) is True and number < len(branches) - 1:
            text, advice = "the branches below are never taken: this one always is", "write it last, as - otherwise:"
            yield view.finding("E704", text, file, loc, help=advice)
        seen.setdefault(source, number)
    if branches and branches[-1].when is not None:
        advice = "add - otherwise: with to: or steps:, for whatever no branch above takes"
        note = "without it a message that no branch takes fails"
        text = '"choose" has no "otherwise"'
        yield Diagnostic("E705", text, view.at_step(route, visit), help=advice, note=note)


def _constant(condition: object) -> bool | None:
    """Return what a condition always is: true and false as they are written, or as an expression of nothing else."""
    source = getattr(condition, "source", None)
    if isinstance(source, bool):
        return source
    word = str(source).strip().removeprefix("{{").removesuffix("}}").strip().lower()
    return {"true": True, "1": True, "not false": True, "false": False, "0": False, "not true": False}.get(word)


def waiting_inside(view: View) -> Iterator[Diagnostic]:
    """Report steps that wait inside a step that must finish in one run."""
    for route, visits in view.visits.items():
        for visit in visits:
            holder = next((entry for entry in visit.holders if entry.verb not in _THROUGH), None)
            waits = _waits(view, visit)
            if holder is not None and waits:
                text = f'"{visit.entry.verb}" waits, and "{holder.verb}" cannot: it must finish in one run'
                advice = f'move it in front of "{holder.name}" or behind it'
                yield Diagnostic("E709", text, view.at_step(route, visit), help=advice)


def _waits(view: View, visit: Visit, seen: tuple[str, ...] = ()) -> bool:
    """Whether a step waits, itself or in a route that it calls."""
    if visit.spec.waits:
        return True
    called = str(getattr(visit.spec, "route", "")) if visit.entry.verb == "call" else ""
    if not called or called in seen:
        return False
    return any(_waits(view, inner, (*seen, called)) for inner in view.visits.get(called, ()))


def no_way_out(view: View) -> Iterator[Diagnostic]:
    """Warn of a route from which nothing ever leaves."""
    for name, route in view.project.routes.items():
        if route.from_ is not None and not _leaves(view, name) and not replies(view.project, route.from_.endpoint):
            text = f'nothing leaves route "{name}": it has no step that sends'
            file = view.file("route", name)
            advice = "add a step: - to: ENDPOINT, or - publish: EVENT"
            yield view.finding("W711", text, file, ("steps",), key=True, help=advice)


def _leaves(view: View, route: str, seen: tuple[str, ...] = ()) -> bool:
    for visit in view.visits.get(route, ()):
        if visit.spec.destinations() or visit.spec.waits:
            return True
        called = str(getattr(visit.spec, "route", "")) if visit.entry.verb == "call" else ""
        unread = bool(called) and called not in view.visits
        if unread or (called and called not in (*seen, route) and _leaves(view, called, (*seen, route))):
            return True
    return False


def lost_order(view: View) -> Iterator[Diagnostic]:
    """Warn of a route that keeps an order and sends to an endpoint that does not."""
    for name, route in view.project.routes.items():
        if route.order_by is None:
            continue
        for visit in view.visits[name]:
            for address in visit.spec.destinations():
                endpoint = view.project.endpoints.get(address.removeprefix("delivery/"))
                if endpoint is not None and not endpoint.ordered and address.startswith("delivery/"):
                    target = address.removeprefix("delivery/")
                    text = f'the order of this route is lost at endpoint "{target}", which delivers side by side'
                    advice = f"write ordered: true in {view.file('endpoint', target)}, or drop order_by"
                    yield Diagnostic("W712", text, view.at_step(name, visit), "warning", help=advice)
