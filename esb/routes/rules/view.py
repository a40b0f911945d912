"""View: a project as the rules see it: every step visited once, every name with the places where it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from esb.errors import Diagnostic, Place
from esb.reading import Loc
from esb.routes.project import PROJECT_FILE, Project
from esb.routes.visit import Named, Visit, references, steps_of


@dataclass(frozen=True)
class View:
    """What rules read."""

    project: Project

    @cached_property
    def visits(self) -> Mapping[str, tuple[Visit, ...]]:
        """The steps of every route."""
        return {name: tuple(steps_of(route.steps)) for name, route in self.project.routes.items()}

    @cached_property
    def used(self) -> tuple[tuple[str, Named], ...]:
        """Every reference of the project with the file it stands in."""
        return tuple((file, named) for file, spec in self.definitions() for named in references(spec))

    def definitions(self) -> Iterator[tuple[str, BaseModel]]:
        """Return every file that could be read, and what it holds."""
        project = self.project
        if PROJECT_FILE in project.documents:
            yield PROJECT_FILE, project.spec
        kinds: tuple[tuple[str, Mapping[str, BaseModel]], ...] = (
            ("route", project.routes),
            ("endpoint", project.endpoints),
            ("transform", project.transforms),
            ("partner", project.partners),
        )
        for kind, specs in kinds:
            for name, spec in specs.items():
                yield project.places[kind][name], spec

    def file(self, kind: str, name: str) -> str:
        """Return the file that a name stands for."""
        return self.project.places[kind][name]

    def place(self, file: str, loc: Loc = (), key: bool = False) -> Place:
        """Return a place in a file; the file's beginning if it could not be read."""
        document = self.project.documents.get(file)
        return Place(file, 1, 1) if document is None else document.place(loc, key)

    def at_step(self, route: str, visit: Visit) -> Place:
        """Return the place of a step: its verb."""
        file = self.file("route", route)
        found = self.project.documents[file].find((*visit.loc, visit.entry.verb))
        return self.place(file, (*visit.loc, visit.entry.verb) if not found.missed else visit.loc, key=not found.missed)

    def finding(self, code: str, text: str, file: str, loc: Loc = (), key: bool = False, **more: Any) -> Diagnostic:
        """Return a finding in a file; codes that begin with W are warnings."""
        severity = "warning" if code.startswith("W") else "error"
        return Diagnostic(code, text, self.place(file, loc, key), severity, **more)  # type: ignore[arg-type]
