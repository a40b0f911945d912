"""Contracts: paths behind a `validate` that the contract does not know are slips of the pen, most likely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from esb.contracts import SchemaPaths, read_schema, schema_paths
from esb.errors import DefinitionError, Diagnostic
from esb.expressions import compile_path, compile_value, is_path
from esb.expressions.queries import Index, Name
from esb.routes.nearest import listed, nearest
from esb.routes.rules.view import View
from esb.routes.visit import Visit, nested, sources

_CHANGES = {"transform", "set", "enrich", "lookup", "split", "guard", "call"}
"""Steps behind which the body may be another: what a contract said no longer holds there."""
_WRITES = {"into", "put"}
"""Keys whose path is written, not read."""


def unknown_paths(view: View) -> Iterator[Diagnostic]:
    """Warn of a path that the contract validated last does not describe."""
    schemas: dict[str, SchemaPaths | None] = {}
    for route, visits in view.visits.items():
        for visit in visits:
            name = _contract_above(visit)
            if not name or visit.entry.verb == "validate":
                continue
            if name not in schemas:
                schemas[name] = _schema(view, name)
            schema = schemas[name]
            if schema is not None:
                yield from _step(view, route, visit, name, schema)


def _contract_above(visit: Visit) -> str:
    """Return the contract that the body is known to keep when it comes to a step of the same flow."""
    name = ""
    for entry in visit.after:
        if entry.verb == "validate":
            name = str(getattr(entry.spec, "contract", ""))
        elif entry.verb in _CHANGES:
            name = ""
    return name


def _schema(view: View, name: str) -> SchemaPaths | None:
    file = view.project.places["contract"].get(name, "")
    if not file.endswith(".json"):
        return None
    try:
        return schema_paths(read_schema(name, view.project.files[file]))
    except DefinitionError:
        return None  # the contract's own finding says why


def _step(view: View, route: str, visit: Visit, name: str, schema: SchemaPaths) -> Iterator[Diagnostic]:
    document = view.project.documents[view.file("route", route)]
    top = (*visit.loc, visit.entry.verb)
    inside = [path for path, _ in nested(visit.spec, top)]
    for loc, value in sources(visit.spec, top):
        if _WRITES.intersection(loc) or any(loc[: len(path)] == path for path in inside):
            continue
        for path in _paths(value):
            missed = schema.unknown(_keys(path))
            if missed is None:
                continue
            key, known = missed
            near = nearest(key, known)
            node = document.find(loc).node
            at = node.value.find(key) if isinstance(node.value, str) else -1
            place = document.inside(node, at, len(key)) if at >= 0 else document.at(node)
            text = f'"{key}" is not in the contract {name}, which the body keeps here'
            advice = f'did you mean "{near}"?' if near else ""
            note = f"{name} has here: {listed(known, 12)}" if known else ""
            yield Diagnostic("W441", text, place, "warning", help=advice, note=note)


def _paths(value: Any) -> Sequence[str]:
    source = getattr(value, "source", None)
    if not isinstance(source, str):
        return ()
    return compile_value(source).paths if "{{" in source or is_path(source) else ()


def _keys(path: str) -> list[str | int | None]:
    """Return the way that a path goes for sure: names, and None for elements of a list; it stops at `..`."""
    keys: list[str | int | None] = []
    for segment in compile_path(path).query.segments:
        if segment.descend or len(segment.selectors) != 1:
            break
        selector = segment.selectors[0]
        keys.append(
            selector.name if isinstance(selector, Name) else selector.index if isinstance(selector, Index) else None
        )
    return keys
