"""Graph: which endpoints, routes and events hang together; as text, Mermaid or SVG."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from esb.policies import FailurePolicy
from esb.routes.layout import Layout, lay_out
from esb.routes.nearest import meant
from esb.routes.outcome import acknowledge_to
from esb.routes.project import Project
from esb.routes.replying import replies
from esb.routes.rules.effects import policy_named
from esb.routes.rules.names import topic_matches
from esb.routes.rules.view import View

Kind: TypeAlias = Literal["endpoint", "route", "event"]
WIDTH, HEIGHT, MARGIN = 190, 44, 24
"""Of a box, and around the drawing, in pixels."""

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1f24}.k{font-size:10px;fill:#57606a}"
    "rect{stroke:#57606a;fill:#fff}.route rect{fill:#ddf4ff;stroke:#0969da}.event rect{fill:#fff8c5;stroke:#9a6700}"
    "path{fill:none;stroke:#57606a}.ask{stroke-dasharray:4 3}"
)


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """An endpoint, a route or an event."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """What goes from one to another; `how` is empty, `calls`, `asks`, `acknowledges`, `replies` or `diverts`."""

    source: Thing
    target: Thing
    how: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """All things of a project and what goes between them, in a fixed order."""

    things: tuple[Thing, ...]
    edges: tuple[Edge, ...]

    def around(self, route: str) -> Graph:
        """Return the part that a message can come from or go to through this route. Raises LookupError."""
        here = Thing("route", route)
        if here not in self.things:
            raise LookupError(f'route "{route}" does not exist; {meant(route, self.names("route"))}'.rstrip("; "))
        kept = {here} | self._reach(here, forward=True) | self._reach(here, forward=False)
        edges = tuple(edge for edge in self.edges if edge.source in kept and edge.target in kept)
        return Graph(tuple(thing for thing in self.things if thing in kept), edges)

    def names(self, kind: Kind) -> list[str]:
        """Return the names of one kind."""
        return [thing.name for thing in self.things if thing.kind == kind]

    def _reach(self, start: Thing, forward: bool) -> set[Thing]:
        ways: dict[Thing, list[Thing]] = defaultdict(list)
        for edge in self.edges:
            a, b = (edge.source, edge.target) if forward else (edge.target, edge.source)
            ways[a].append(b)
        seen: set[Thing] = set()
        stack = [start]
        while stack:
            fresh = [thing for thing in ways[stack.pop()] if thing not in seen]
            seen.update(fresh)
            stack.extend(fresh)
        return seen


def graph_of(project: Project) -> Graph:
    """Return the graph of a project; names that lead nowhere are drawn too, lint speaks of them."""
    edges = sorted(set(_edges(View(project))))
    things = {thing for edge in edges for thing in (edge.source, edge.target)}
    things |= {Thing("route", name) for name in project.routes}
    things |= {Thing("endpoint", name) for name in project.endpoints}
    return Graph(tuple(sorted(things)), tuple(edges))


def _edges(view: View) -> Iterator[Edge]:
    published: set[str] = set()
    for name, route in view.project.routes.items():
        here = Thing("route", name)
        if route.from_ is not None and route.from_.endpoint is not None:
            yield Edge(Thing("endpoint", route.from_.endpoint), here)
        if route.from_ is not None and replies(view.project, route.from_.endpoint):
            yield Edge(here, Thing("endpoint", route.from_.endpoint or ""), "replies")
        acknowledged = acknowledge_to(view.project, route.from_)
        if acknowledged:
            yield Edge(here, Thing("endpoint", acknowledged), "acknowledges")
        if isinstance(route.on_error, FailurePolicy):
            yield from _diverts(here, route.on_error)
        for visit in view.visits[name]:
            for address in visit.spec.destinations():
                place, _, target = address.partition("/")
                yield Edge(here, Thing("event" if place == "event" else "endpoint", target))
                published |= {target} if place == "event" else set()
            if visit.entry.verb == "call":
                yield Edge(here, Thing("route", str(getattr(visit.spec, "route", ""))), "calls")
            if visit.entry.verb == "enrich":
                yield Edge(here, Thing("endpoint", str(getattr(visit.spec, "ask", ""))), "asks")
    for name, endpoint in view.project.endpoints.items():
        policy = policy_named(view, endpoint.retry or view.project.spec.defaults.retry)
        if endpoint.delivers and policy is not None:
            yield from _diverts(Thing("endpoint", name), policy)
    yield from _subscriptions(view, published)


def _diverts(here: Thing, policy: FailurePolicy) -> Iterator[Edge]:
    for address in policy.destinations():
        yield Edge(here, Thing("endpoint", address.removeprefix("delivery/")), "diverts")


def _subscriptions(view: View, published: set[str]) -> Iterator[Edge]:
    for name, route in view.project.routes.items():
        if route.from_ is None or route.from_.event is None:
            continue
        pattern = route.from_.event
        taken = [event for event in published if topic_matches(pattern, event)]
        for event in taken or [pattern]:
            yield Edge(Thing("event", event), Thing("route", name))


def as_text(graph: Graph) -> str:
    """Return one line for each route: where it comes from and where it goes."""
    lines = []
    for thing in graph.things:
        if thing.kind != "route":
            continue
        come = [_word(edge.source, edge.how) for edge in graph.edges if edge.target == thing]
        go = [_word(edge.target, edge.how) for edge in graph.edges if edge.source == thing]
        ways = [", ".join(come), thing.name, ", ".join(go)]
        lines.append(" → ".join(way for way in ways if way))
    return "\n".join(lines) + "\n"


def _word(thing: Thing, how: str) -> str:
    word = f"event {thing.name}" if thing.kind == "event" else thing.name
    return f"{word} ({how})" if how else word


def as_mermaid(graph: Graph) -> str:
    """Return a Mermaid flowchart, for pages that draw it."""
    shapes = {"route": ("[", "]"), "endpoint": ("([", "])"), "event": ("{{", "}}")}
    ids = {thing: f"n{number}" for number, thing in enumerate(graph.things)}
    lines = ["flowchart LR"]
    for thing, name in ids.items():
        begin, end = shapes[thing.kind]
        lines.append(f'  {name}{begin}"{thing.name}"{end}')
    for edge in graph.edges:
        arrow = f"-. {edge.how} .->" if edge.how else "-->"
        lines.append(f"  {ids[edge.source]} {arrow} {ids[edge.target]}")
    return "\n".join(lines) + "\n"


def as_svg(graph: Graph) -> str:
    """Return a drawing that needs no script: boxes are links to the files that define them."""
    ids = {thing: number for number, thing in enumerate(graph.things)}
    layout = lay_out(len(ids), [(ids[edge.source], ids[edge.target]) for edge in graph.edges], WIDTH, HEIGHT)
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' height="{height:.0f}" role="img" aria-label="routes and endpoints">',
        f"<style>{_STYLE}</style>",
        '<marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8"/></marker>',
    ]
    out += [_arrow(layout, ids[edge.source], ids[edge.target], edge.how) for edge in graph.edges]
    out += [_box(layout.places[number], thing) for thing, number in ids.items()]
    return "\n".join([*out, "</svg>"]) + "\n"


def _box(place: tuple[float, float], thing: Thing) -> str:
    x, y = place[0] + MARGIN, place[1] + MARGIN
    name = thing.name if len(thing.name) <= 25 else f"{thing.name[:24]}…"
    body = (
        f'<g class="{thing.kind}"><title>{escape(f"{thing.kind} {thing.name}")}</title>'
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="{_round(thing)}"/>'
        f'<text class="k" x="{x + 10:.0f}" y="{y + 16:.0f}">{thing.kind}</text>'
        f'<text x="{x + 10:.0f}" y="{y + 33:.0f}">{escape(name)}</text></g>'
    )
    if thing.kind == "event":
        return body
    return f"<a href={quoteattr(f'{thing.kind}s/{thing.name}.yaml')}>{body}</a>"


def _round(thing: Thing) -> int:
    return {"route": 4, "endpoint": 20, "event": 10}[thing.kind]


def _arrow(layout: Layout, source: int, target: int, how: str) -> str:
    (x1, y1), (x2, y2) = layout.places[source], layout.places[target]
    x1, y1, x2, y2 = x1 + MARGIN + WIDTH, y1 + MARGIN + HEIGHT / 2, x2 + MARGIN, y2 + MARGIN + HEIGHT / 2
    bend = max(30.0, abs(x2 - x1) / 2)
    kind = ' class="ask"' if how else ""
    title = f"<title>{escape(how)}</title>" if how else ""
    way = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    return f'<path d="{way}" marker-end="url(#a)"{kind}>{title}</path>'


FORMATS = {"text": as_text, "mermaid": as_mermaid, "svg": as_svg}
