"""Diagnose: what a validation error means for the person who wrote the file, at the place of the offending token."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from esb.errors import Diagnostic
from esb.reading import Document, Node
from esb.routes.explanations import Problem, explain
from esb.routes.nearest import nearest
from esb.routes.walk import Spot, walk


def findings_of(
    error: ValidationError, document: Document, model: type[BaseModel], what: str, at: tuple[str | int, ...] = ()
) -> list[Diagnostic]:
    """Return the findings of a validation error; `what` names the file's kind (`route`, `http_out endpoint`).

    `at` is where in the document the validated value stands.
    """
    problems = []
    for entry in error.errors(include_url=False):
        loc = entry["loc"]
        of_key = bool(loc) and loc[-1] == "[key]"
        loc = loc[:-1] if of_key else loc
        spot = walk(model, loc)
        above = walk(model, loc[:-1])
        spot = Spot((*at, *spot.loc), spot.kinds, spot.union)
        above = Spot((*at, *above.loc), above.kinds, above.union)
        problems.append(
            Problem(
                entry["type"], entry.get("ctx", {}), entry["input"], entry["msg"], spot, above,
                document, document.find(spot.loc), what, of_key,
            )
        )  # fmt: skip
    return [finding for problem in _relevant(problems) for finding in explain(problem)]


def _relevant(problems: list[Problem]) -> list[Problem]:
    """Keep one problem for one cause: of the members of a union the one that was meant, of a slip no missing key."""
    detailed = {
        problem.spot.union
        for problem in problems
        if problem.spot.union is not None and not _misses_kind(problem)
    }  # fmt: skip
    slips = {
        (p.above.loc, nearest(str(p.spot.loc[-1]), p.above.keys())) for p in problems if p.type == "extra_forbidden"
    }
    problems = [p for p in problems if p.type != "missing" or (p.above.loc, str(p.spot.loc[-1])) not in slips]
    kept: list[Problem] = []
    seen: set[tuple[str | int, ...]] = set()
    for problem in problems:
        union = problem.spot.union
        if union is not None and _misses_kind(problem) and problem.spot.loc == union:
            if union in detailed or union in seen:
                continue
            seen.add(union)
        kept.append(problem)
    return kept


def _misses_kind(problem: Problem) -> bool:
    return problem.type.endswith("_type") or problem.type.endswith("_parsing")


_ALMOST = {"yes", "no", "on", "off", "y", "n", "t", "f", "true", "false", "0", "1"}


def almost_booleans(document: Document, model: type[BaseModel], what: str) -> list[Diagnostic]:
    """Return the findings for words and numbers that pydantic takes for true or false, and the other way round."""
    found: list[Diagnostic] = []
    for loc, node in _leaves(document.root, ()):
        if not (isinstance(node.data, bool) or str(node.data).lower() in _ALMOST):
            continue
        spot = walk(model, loc)
        kinds = [kind for _, kind in spot.kinds]
        wanted = bool if kinds == [bool] else int if kinds == [int] else None
        if wanted is not None and isinstance(node.data, bool) != (wanted is bool):
            kind = "bool_type" if wanted is bool else "int_type"
            problem = Problem(kind, {}, node.data, "", spot, walk(model, loc[:-1]), document, document.find(loc), what)
            found += explain(problem)
    return found


def _leaves(node: Node, loc: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    if isinstance(node.value, dict):
        for name, (_, inner) in node.value.items():
            yield from _leaves(inner, (*loc, name))
    elif isinstance(node.value, list):
        for number, inner in enumerate(node.value):
            yield from _leaves(inner, (*loc, number))
    else:
        yield loc, node
