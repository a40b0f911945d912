"""Lint: everything that can be said about a project before it runs, in one run and in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from esb.errors import DefinitionError, Diagnostic, Place
from esb.routes.build import Builder
from esb.routes.compiling import BuildError
from esb.routes.library import AbsentError
from esb.routes.project import Project
from esb.routes.render import ordered
from esb.routes.rules import contracts, effects, flow, http, names
from esb.routes.rules.view import View

Rule = Callable[[View], Iterable[Diagnostic]]

RULES: tuple[Rule, ...] = (
    names.unknown_names,
    names.claimed_twice,
    names.wrong_direction,
    names.same_files,
    names.unused,
    names.callable_routes,
    names.silent_events,
    flow.call_loops,
    flow.event_loops,
    flow.step_ids,
    flow.unreachable,
    flow.waiting_inside,
    flow.no_way_out,
    flow.lost_order,
    effects.missing_effect,
    effects.divert_loops,
    effects.acknowledgments,
    effects.written_secrets,
    contracts.unknown_paths,
    http.same_requests,
    http.one_reply,
)


def lint(project: Project) -> tuple[Diagnostic, ...]:
    """Return every finding about a project, by place: from reading, from the rules and from a trial build."""
    view = View(project)
    found = [*project.findings, *(finding for rule in RULES for finding in rule(view))]
    found += _trial(view, {finding.place.file for finding in found if finding.severity == "error"})
    return ordered(found)


def check(project: Project) -> None:
    """Refuse a project with errors.

    Raises:
        DefinitionError: Carries every finding; its text is the first error and how many there are.
    """
    found = lint(project)
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more errors; esb validate shows them)" if len(errors) > 1 else ""
        raise DefinitionError(f"{errors[0]}{more}", found)


def _trial(view: View, broken: set[str]) -> Iterator[Diagnostic]:
    """Build all that has no error yet: what only shows when a transform, a contract or a format is compiled."""
    builder = Builder(view.project)
    for file, build in builder.pieces():
        if file in broken:
            continue
        try:
            build()
        except AbsentError:
            continue
        except DefinitionError as error:
            yield from error.diagnostics or [Diagnostic("E430", str(error), _place(view, file, error))]


def _place(view: View, file: str, error: DefinitionError) -> Place:
    """Return the step that could not be built, or the call that led to it; else the beginning of the file."""
    path = error.step if isinstance(error, BuildError) else ""
    route = file.rpartition("/")[2].removesuffix(".yaml")
    while path:
        for visit in view.visits.get(route, ()):
            if visit.path == path:
                return view.at_step(route, visit)
        path = path.rpartition("/")[0]
    return Place(file, 1, 1)
