"""Names: every name leads somewhere, one endpoint feeds one route, and nothing lies about unused."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping

from esb.errors import Diagnostic, Place
from esb.policies import POLICIES
from esb.routes.nearest import listed, nearest
from esb.routes.project import PROJECT_FILE
from esb.routes.rules.view import View

CODES = {
    "route": "E301",
    "transform": "E302",
    "contract": "E303",
    "table": "E304",
    "endpoint": "E305",
    "policy": "E306",
    "partner": "E307",
}
ASKED = frozenset({"http_out"})
"""Types of endpoints that answer a question (`enrich`)."""

_WHERE = {
    "route": "routes/{}.yaml",
    "transform": "transforms/{}.yaml",
    "contract": "schemas/{}.json",
    "table": "transforms/tables/{}.csv",
    "endpoint": "endpoints/{}.yaml",
    "partner": "schemas/partners/{}.yaml",
}


def unknown_names(view: View) -> Iterator[Diagnostic]:
    """Report each name that leads nowhere once, with every place where it is used."""
    used: dict[tuple[str, str], list[Place]] = defaultdict(list)
    unread = {"policy"} if PROJECT_FILE in view.project.files.keys() - view.project.documents.keys() else set()
    for file, named in view.used:
        if named.kind in CODES.keys() - unread and named.name not in known(view, named.kind):
            used[(named.kind, named.name)].append(view.place(file, named.loc))
    for (kind, name), places in used.items():
        first, *also = sorted(places, key=lambda place: (place.file, place.line, place.column))
        advice, note = _advice(view, kind, name)
        text = f'{kind} "{name}" does not exist'
        yield Diagnostic(CODES[kind], text, first, help=advice, note=note, also=tuple(also))


def known(view: View, kind: str) -> Mapping[str, object]:
    """Return all names of a kind."""
    if kind == "policy":
        return {**POLICIES, **view.project.places["policy"]}
    return view.project.places[kind]


def _advice(view: View, kind: str, name: str) -> tuple[str, str]:
    names = known(view, kind)
    near = nearest(name, names)
    note = f"{_plural(kind)}: {listed(sorted(names))}" if names else ""
    if near:
        where = PROJECT_FILE if kind == "policy" else view.project.places[kind][near]
        return f'did you mean "{near}"' + ("?" if near in POLICIES else f" ({where})?"), note
    where = f"write it in {PROJECT_FILE} under policies:" if kind == "policy" else f"write {_WHERE[kind].format(name)}"
    return where, note


def _plural(kind: str) -> str:
    return {"policy": "policies"}.get(kind, f"{kind}s")


def claimed_twice(view: View) -> Iterator[Diagnostic]:
    """Report an endpoint that feeds more than one route: who would get the message?"""
    claims: dict[str, list[Place]] = defaultdict(list)
    for name, route in view.project.routes.items():
        if route.from_ is not None and route.from_.endpoint is not None:
            claims[route.from_.endpoint].append(view.place(view.file("route", name), ("from", "endpoint")))
    for endpoint, places in claims.items():
        if len(places) > 1:
            first, *rest = places
            text = f'endpoint "{endpoint}" feeds more than one route'
            advice = "let one route read it and publish an event that the others subscribe to"
            yield Diagnostic("E311", text, rest[0], help=advice, also=(first, *rest[1:]))


def wrong_direction(view: View) -> Iterator[Diagnostic]:
    """Report endpoints used for what they cannot do: receive, deliver, answer."""
    for file, named in view.used:
        endpoint = view.project.endpoints.get(named.name) if named.kind == "endpoint" else None
        if endpoint is None:
            continue
        receiving = named.loc[:1] == ("from",) and named.loc[-1] == "endpoint"
        if receiving and not endpoint.receives:
            text = f'endpoint "{named.name}" is of type {endpoint.type}, which receives nothing'
            advice = _able("receive", [name for name, spec in view.project.endpoints.items() if spec.receives])
            yield view.finding("E313", text, file, named.loc, help=advice)
        elif named.loc[-1] == "ask" and endpoint.type not in ASKED:
            text = f'endpoint "{named.name}" is of type {endpoint.type}, which cannot be asked'
            advice = _able("be asked", [name for name, spec in view.project.endpoints.items() if spec.type in ASKED])
            yield view.finding("E719", text, file, named.loc, help=advice)
        elif not receiving and not endpoint.delivers:
            text = f'endpoint "{named.name}" is of type {endpoint.type}, which delivers nothing'
            advice = _able("deliver", [name for name, spec in view.project.endpoints.items() if spec.delivers])
            yield view.finding("E312", text, file, named.loc, help=advice)


def _able(verb: str, names: list[str]) -> str:
    return f"endpoints that can {verb}: {listed(sorted(names))}" if names else f"no endpoint of this project can {verb}"


def same_files(view: View) -> Iterator[Diagnostic]:
    """Report two endpoints that take the same files: whichever comes first gets them."""
    feeding = {
        route.from_.endpoint
        for route in view.project.routes.values()
        if route.from_ is not None and route.from_.endpoint is not None
    }
    folders: dict[tuple[str, str], str] = {}
    for name in sorted(feeding):
        endpoint = view.project.endpoints.get(name)
        directory = getattr(endpoint, "directory", "")
        if endpoint is None or not directory:
            continue
        key = (posixpath.normpath(directory), str(getattr(endpoint, "match", "*")))
        if key in folders:
            text = f'endpoint "{name}" takes the same files as "{folders[key]}"'
            advice = "give them folders of their own, or match: other names"
            also = (view.place(view.file("endpoint", folders[key]), ("directory",)),)
            yield view.finding("E718", text, view.file("endpoint", name), ("directory",), help=advice, also=also)
        folders.setdefault(key, name)


def unused(view: View) -> Iterator[Diagnostic]:
    """Warn of what nobody uses: endpoints, transforms, tables, named policies, sub-routes."""
    used = {(named.kind, named.name) for _, named in view.used}
    if len(view.project.routes) < len(view.project.places["route"]):
        return  # a route that could not be read may use anything
    for kind, code, where in (
        ("endpoint", "W321", "no route takes from it or sends to it"),
        ("transform", "W322", "no route uses it"),
        ("table", "W324", "no step or transform uses it"),
    ):
        if kind == "table" and len(view.project.transforms) < len(view.project.places["transform"]):
            continue  # a transform that could not be read may use any table
        for name in view.project.places[kind]:
            if (kind, name) not in used:
                text = f'{kind} "{name}" is not used'
                yield view.finding(code, text, view.file(kind, name), help="remove the file, or use it", note=where)
    for name in view.project.spec.policies:
        if ("policy", name) not in used:
            loc = ("policies", name)
            advice = "remove it, or name it in on_error: or retry:"
            yield view.finding("W323", f'policy "{name}" is not used', PROJECT_FILE, loc, key=True, help=advice)
    for name, route in view.project.routes.items():
        if route.from_ is None and ("route", name) not in used:
            text, advice = f'route "{name}" has no "from", and no route calls it', "add from:, or call it from a route"
            yield view.finding("W325", text, view.file("route", name), help=advice)


def callable_routes(view: View) -> Iterator[Diagnostic]:
    """Report calls to a route that has messages of its own: its `from`, keys and order would be ignored."""
    for file, named in view.used:
        route = view.project.routes.get(named.name) if named.kind == "route" else None
        if route is not None and route.from_ is not None:
            text = f'route "{named.name}" has a "from"; only routes without one can be called'
            advice = "move the steps that both need to a route without from:, and call that from both"
            also = (view.place(view.file("route", named.name), ("from",), key=True),)
            yield view.finding("E314", text, file, named.loc, help=advice, also=also)


def silent_events(view: View) -> Iterator[Diagnostic]:
    """Warn of subscriptions to events that no route of this project publishes."""
    if len(view.project.routes) < len(view.project.places["route"]):
        return  # a route that could not be read may publish anything
    published = [named.name for _, named in view.used if named.kind == "event" and named.loc[:1] != ("from",)]
    for name, route in view.project.routes.items():
        if route.from_ is None or route.from_.event is None:
            continue
        if not any(topic_matches(route.from_.event, event) for event in published):
            file, loc = view.file("route", name), ("from", "event")
            near = nearest(route.from_.event, published)
            advice = f'did you mean "{near}"?' if near else "add a step: - publish: …"
            text = f'no route publishes an event "{route.from_.event}"'
            yield view.finding("W308", text, file, loc, help=advice)


def topic_matches(pattern: str, topic: str) -> bool:
    """Whether an AMQP topic pattern (`*` one word, `#` any number of words) takes an event."""
    return _words(pattern.split("."), topic.split("."))


def _words(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    head, *rest = pattern
    if head == "#":
        return any(_words(rest, words[skip:]) for skip in range(len(words) + 1))
    return bool(words) and head in {"*", words[0]} and _words(rest, words[1:])
