"""Case files: tests/flows/*.yaml read with marks, so that what is wrong has a file, a line and a column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from esb.errors import DefinitionError, Diagnostic, UsageError
from esb.reading import Document, read
from esb.routes import Project
from esb.routes.diagnose import findings_of
from esb.routes.nearest import listed, nearest
from esb.testing.route_test.cases import Case, CaseFile, Expect, Given, Mock, Sent
from esb.testing.route_test.outline import Outline

FOLDER: Final = "tests/flows"
MOST_BYTES: Final = 64 * 1024 * 1024
"""The largest file that a case may name; a case shows a rule, not a load."""


@dataclass(frozen=True, slots=True)
class ReadCase:
    """A case and where it stands: `file` is its path in the project, `folder` what its files are named from."""

    file: str
    line: int
    route: str
    spec: Case
    mocks: Mapping[str, Mock]
    root: Path

    @property
    def title(self) -> str:
        """The name of the file and of the case, by which people choose it."""
        return f"{Path(self.file).stem}: {self.spec.name}"

    def path(self, name: str) -> Path:
        """Return where a file that the case names is. Raises DefinitionError for one outside the project."""
        return inside(self.root, (self.root / self.file).parent / name)


def inside(root: Path, path: Path) -> Path:
    """Return a path that is in the project, links followed. Raises DefinitionError if it is not."""
    found = path.resolve()
    if not found.is_relative_to(root.resolve()):
        raise DefinitionError(f"{path.name} is not in the project; copy it beside the case")
    return found


def file_bytes(path: Path) -> bytes:
    """Return the content of a file that a case names. Raises DefinitionError if it is missing or too large."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DefinitionError(f"{path.name} is larger than {MOST_BYTES >> 20} MiB; a case needs a small one")
        return path.read_bytes()
    except OSError as error:
        raise DefinitionError(f"{path.name} cannot be read: {error.strerror}") from error


def find(root: Path, chosen: Sequence[Path] = ()) -> list[Path]:
    """Return the case files of a project, or those that were chosen (files and folders).

    Raises:
        UsageError: What was chosen does not exist or is not in the project.
    """
    found: dict[Path, None] = {}
    for path in chosen or [root / FOLDER]:
        if not path.exists() and chosen:
            raise UsageError(f"{path} does not exist; cases are files such as {FOLDER}/orders.yaml")
        if not path.resolve().is_relative_to(root.resolve()):
            raise UsageError(f"{path} is not in the project {root}; choose the project with -C DIR")
        inner = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
        found |= dict.fromkeys(each.resolve() for each in inner if path == each or each.is_file())
    return [path for path in found if path.is_file()]


def read_cases(root: Path, paths: Iterable[Path], outline: Outline) -> list[ReadCase]:
    """Return the cases of these files.

    Raises:
        DefinitionError: Carries what is wrong in all of them.
    """
    cases, findings, _ = _read(root, paths, outline)
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise DefinitionError(f"{findings[0]}{more}", findings)
    return cases


def lint_cases(root: Path, project: Project) -> tuple[list[Diagnostic], dict[str, bytes]]:
    """Return what is wrong in the cases of a project, which may have mistakes itself, and the files they stand in."""
    _, findings, files = _read(root, find(root), Outline(project))
    return findings, files


def _read(
    root: Path, paths: Iterable[Path], outline: Outline
) -> tuple[list[ReadCase], list[Diagnostic], dict[str, bytes]]:
    findings: list[Diagnostic] = []
    cases: list[ReadCase] = []
    files: dict[str, bytes] = {}
    for path in paths:
        name = path.relative_to(root.resolve()).as_posix()
        files[name] = file_bytes(path)
        try:
            document = read(name, files[name])
            spec = CaseFile.model_validate(document.data)
        except ValidationError as error:
            findings += findings_of(error, document, CaseFile, "test file")
            continue
        except DefinitionError as error:
            findings += error.diagnostics
            continue
        found = list(_cases(root, name, document, spec))
        findings += _Names(outline, document, spec, found).findings()
        cases += found
    return cases, findings, files


def _cases(root: Path, name: str, document: Document, spec: CaseFile) -> Iterator[ReadCase]:
    for number, case in enumerate(spec.cases):
        line = document.place(("cases", number)).line
        yield ReadCase(name, line, spec.route, case, {**spec.mocks, **case.mocks}, root)


class _Names:
    """Checks what one file names: its route, steps, endpoints, tables, events and files."""

    def __init__(self, outline: Outline, document: Document, spec: CaseFile, cases: Sequence[ReadCase]) -> None:
        self._outline, self._document, self._spec, self._cases = outline, document, spec, cases

    def findings(self) -> Iterator[Diagnostic]:
        """Return what leads nowhere."""
        places, route = self._outline.project.places, self._spec.route
        if route not in places["route"]:
            yield self._unknown("E301", "route", route, places["route"], ("route",))
        if route not in self._outline.project.routes:
            return  # a route that could not be read may have any step
        yield from self._mocks(self._spec.mocks, ("mocks",))
        seen: set[str] = set()
        for number, case in enumerate(self._cases):
            at = ("cases", number)
            if case.spec.name in seen:
                text = f'two cases are called "{case.spec.name}"'
                yield Diagnostic("E210", text, self._document.place((*at, "name")), help="give each a name of its own")
            seen.add(case.spec.name)
            yield from self._mocks(case.spec.mocks, (*at, "mocks"))
            yield from self._sends(case.spec.expect, (*at, "expect", "sends"))
            yield from self._files(case, at)

    def _mocks(self, mocks: Mapping[str, Mock], at: tuple[str | int, ...]) -> Iterator[Diagnostic]:
        places = self._outline.project.places
        for name, mock in mocks.items():
            tables = "rows" in mock.model_fields_set
            known = (
                set(places["table"]) if tables else self._outline.step_names(self._spec.route) | set(places["endpoint"])
            )
            if name not in known:
                kind = "table" if tables else "step or endpoint"
                yield self._unknown("E304" if tables else "E210", kind, name, known, (*at, name), key=True)

    def _sends(self, expect: Expect, at: tuple[str | int, ...]) -> Iterator[Diagnostic]:
        known = {*self._outline.project.places["endpoint"], *self._outline.events(self._spec.route)}
        for name in expect.sends:
            if name not in known:
                yield self._unknown("E305", "endpoint or event", name, known, (*at, name), key=True)

    def _files(self, case: ReadCase, at: tuple[str | int, ...]) -> Iterator[Diagnostic]:
        """Check files that must be there; files that expectations name are made by `--update-golden`."""
        given = self._document.data["cases"][at[1]].get("given")
        for number, item in enumerate(case.spec.given):
            loc = (*at, "given", number, "file") if isinstance(given, list) else (*at, "given", "file")
            yield from self._file(case, item, loc, must_exist=True)
        for name, mock in case.spec.mocks.items():
            yield from self._file(case, mock, (*at, "mocks", name, "file"), must_exist=True)
        for name, mock in self._spec.mocks.items():
            yield from self._file(case, mock, ("mocks", name, "file"), must_exist=True)
        for name, sends in case.spec.expect.sends.items():
            for number, sent in enumerate(sends if isinstance(sends, list) else ()):
                yield from self._file(case, sent, (*at, "expect", "sends", name, number, "file"), must_exist=False)

    def _file(
        self, case: ReadCase, holder: Given | Mock | Sent, loc: tuple[str | int, ...], must_exist: bool
    ) -> Iterator[Diagnostic]:
        if not holder.file:
            return
        place = self._document.place(loc)
        try:
            path = case.path(holder.file)
        except DefinitionError as error:
            yield Diagnostic("E210", str(error), place)
            return
        if must_exist and not path.is_file():
            folder = path.parent
            near = nearest(path.name, [each.name for each in folder.iterdir()] if folder.is_dir() else [])
            advice = f'did you mean "{near}"?' if near else f"files are named from {Path(case.file).parent.as_posix()}/"
            yield Diagnostic("E210", f'the file "{holder.file}" does not exist', place, help=advice)

    def _unknown(
        self, code: str, kind: str, name: str, known: Iterable[str], loc: tuple[str | int, ...], key: bool = False
    ) -> Diagnostic:
        names = sorted(known)
        near = nearest(name, names)
        advice = f'did you mean "{near}"?' if near else ""
        note = f"there are: {listed(names)}" if names else f"this project has no {kind}"
        return Diagnostic(
            code, f'{kind} "{name}" does not exist', self._document.place(loc, key), help=advice, note=note
        )
