"""Project: the definitions of a folder or of a stored release, read and validated, with all that was found wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from esb.errors import DefinitionError, Diagnostic, Place
from esb.reading import Document, read
from esb.routes.definition import ProjectSpec, RouteSpec
from esb.routes.diagnose import almost_booleans, findings_of
from esb.routes.nearest import listed, meant
from esb.routes.partner import PartnerSpec
from esb.routes.parts import ENDPOINTS, TRANSFORMS
from esb.specs import EndpointSpec, TransformSpec

PROJECT_FILE = "esb.yaml"
FOLDERS = ("routes", "transforms", "endpoints", "schemas")
MOST_FILES = 20_000
MOST_BYTES = 256 * 1024 * 1024

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Project:
    """A read project. `files` holds every file that belongs to it; `places` says which file a name stands for.

    `findings` is what was wrong while reading; what could not be read is missing from `routes`, `endpoints` … but not
    from `places`, so that a broken file is not also an unknown name.
    """

    files: Mapping[str, bytes]
    spec: ProjectSpec
    documents: Mapping[str, Document]
    routes: Mapping[str, RouteSpec]
    endpoints: Mapping[str, EndpointSpec]
    transforms: Mapping[str, TransformSpec]
    partners: Mapping[str, PartnerSpec]
    places: Mapping[str, Mapping[str, str]]
    findings: tuple[Diagnostic, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that esb.yaml gives, for `read_settings`."""
        return self.spec.settings.model_dump(exclude_unset=True)


def read_files(directory: Path) -> dict[str, bytes]:
    """Return the files of a project folder by their path in it, `/` between the parts.

    Raises:
        DefinitionError: There is no project, a link leads out of it, or it is too large.
    """
    root = directory.resolve()
    if not root.is_dir():
        raise DefinitionError(f"{directory} is not a folder; choose the project with -C DIR")
    if not (root / PROJECT_FILE).is_file() and not (root / "routes").is_dir():
        raise DefinitionError(f"{directory} is no project: neither {PROJECT_FILE} nor routes/ is there; try `esb init`")
    files: dict[str, bytes] = {}
    total = 0
    for path in _paths(root):
        name = path.relative_to(root).as_posix()
        if not path.resolve().is_relative_to(root):
            raise DefinitionError(f"{name} is a link that leads out of the project; copy the file instead")
        total += path.stat().st_size
        if total > MOST_BYTES or len(files) >= MOST_FILES:
            raise DefinitionError(f"the project has more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB; split it")
        try:
            files[name] = path.read_bytes()
        except OSError as error:
            raise DefinitionError(f"{name} cannot be read: {error.strerror}") from error
    return files


def _paths(root: Path) -> Iterator[Path]:
    if (root / PROJECT_FILE).is_file():
        yield root / PROJECT_FILE
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            hidden = any(part.startswith(".") or part.endswith("~") for part in path.relative_to(root).parts)
            if path.is_file() and not hidden and "__pycache__" not in path.parts:
                yield path


def load(files: Mapping[str, bytes]) -> Project:
    """Return the project of these files. Nothing is raised: what is wrong stands in `findings`."""
    return _Loader(files).project()


@dataclass(slots=True)
class _Loader:
    files: Mapping[str, bytes]
    documents: dict[str, Document] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)

    def project(self) -> Project:
        places = {
            "route": self._named("routes"),
            "endpoint": self._named("endpoints"),
            "partner": self._named("schemas/partners"),
            "transform": self._transforms(),
            "contract": self._contracts(),
            "table": self._tables(),
        }
        spec = self._read(PROJECT_FILE, lambda data: (ProjectSpec, "project")) if PROJECT_FILE in self.files else None
        self._odd_files()
        places["policy"] = dict.fromkeys(self._declared("policies"), PROJECT_FILE)
        return Project(
            self.files,
            spec if isinstance(spec, ProjectSpec) else ProjectSpec(),
            self.documents,
            self._all(places["route"], lambda data: (RouteSpec, "route")),
            self._all(places["endpoint"], lambda data: self._typed(data, ENDPOINTS, "endpoint")),
            self._all(places["transform"], lambda data: self._typed(data, TRANSFORMS, "transform")),
            self._all(places["partner"], lambda data: (PartnerSpec, "partner")),
            places,
            tuple(self.findings),
        )

    def _declared(self, key: str) -> list[str]:
        """Return the names under a key of esb.yaml, also of an esb.yaml that has mistakes."""
        document = self.documents.get(PROJECT_FILE)
        held = document.data.get(key) if document is not None and isinstance(document.data, dict) else None
        return [str(name) for name in held] if isinstance(held, dict) else []

    def _named(self, folder: str) -> dict[str, str]:
        """Return the files right under a folder by the names they give; a name that cannot be one is a finding."""
        found: dict[str, str] = {}
        for path in self._under(folder, (".yaml",)):
            name = path.stem
            if len(path.parts) != len(PurePosixPath(folder).parts) + 1:
                continue
            if not _NAME.fullmatch(name):
                text = f'"{name}" cannot be a name: it becomes part of queue names and ids'
                advice = "use lower-case letters, digits, - and _"
                self.findings.append(Diagnostic("E114", text, Place(str(path), 1, 1), help=advice))
            found[name] = str(path)
        return found

    def _under(self, folder: str, endings: tuple[str, ...]) -> list[PurePosixPath]:
        paths = (PurePosixPath(name) for name in sorted(self.files) if name.startswith(f"{folder}/"))
        return [path for path in paths if path.suffix in endings]

    def _transforms(self) -> dict[str, str]:
        paths = self._under("transforms", (".yaml",))
        return {_inner(path): str(path) for path in paths if path.parts[1] != "tables"}

    def _tables(self) -> dict[str, str]:
        paths = self._under("transforms/tables", (".csv", ".yaml"))
        return {path.relative_to("transforms/tables").with_suffix("").as_posix(): str(path) for path in paths}

    def _contracts(self) -> dict[str, str]:
        paths = (path for path in self._under("schemas", (".json", ".xsd")) if path.parts[1] != "partners")
        return {_inner(path): str(path) for path in paths if "@" in path.name}

    def _odd_files(self) -> None:
        """Warn of files that nobody will read: another ending, or a folder where none is expected."""
        for name in sorted(self.files):
            path = PurePosixPath(name)
            place = Place(name, 1, 1)
            if path.suffix == ".yml":
                advice = f"rename it to {path.stem}.yaml"
                self.findings.append(Diagnostic("E113", "files end in .yaml here", place, help=advice))
            elif path.suffix == ".yaml" and path.parts[0] in {"routes", "endpoints"} and len(path.parts) > 2:
                advice = f"move it to {path.parts[0]}/{path.name}"
                text = f"{path.parts[0]}/ has no folders; nobody reads this file"
                self.findings.append(Diagnostic("W113", text, place, "warning", help=advice))
            elif self._is_nameless_contract(path):
                text = "this contract has no version, so no route can name it"
                advice = f"rename it to {path.stem}@1{path.suffix}"
                self.findings.append(Diagnostic("W115", text, place, "warning", help=advice))

    def _is_nameless_contract(self, path: PurePosixPath) -> bool:
        """Whether a schema has no version, and no other schema refers to it."""
        if path.parts[0] != "schemas" or path.suffix not in {".json", ".xsd"} or "@" in path.name:
            return False
        schemas = self._under("schemas", (path.suffix,))
        return not any(other != path and path.name.encode() in self.files[str(other)] for other in schemas)

    def _all(self, places: Mapping[str, str], choose: Callable[[Any], Any]) -> dict[str, Any]:
        read_all = ((name, self._read(file, choose)) for name, file in places.items())
        return {name: spec for name, spec in read_all if spec is not None}

    def _read(self, file: str, choose: Callable[[Any], Any]) -> BaseModel | None:
        """Return the validated content of one file; what is wrong with it is kept as findings."""
        try:
            document = read(file, self.files[file])
        except DefinitionError as error:
            self.findings.extend(error.diagnostics)
            return None
        self.documents[file] = document
        if not isinstance(document.data, dict):
            text = "a definition is keys with values"
            self.findings.append(Diagnostic("E107", text, document.place(()), help="write key: value"))
            return None
        try:
            model, what = choose(document.data)
        except _UnknownTypeError as error:
            self.findings.append(error.finding(document))
            return None
        return self._validated(document, model, what)

    def _validated(self, document: Document, model: type[S], what: str) -> S | None:
        self.findings.extend(almost_booleans(document, model, what))
        try:
            return model.model_validate(document.data)
        except ValidationError as error:
            self.findings.extend(findings_of(error, document, model, what))
            return None

    def _typed(self, data: dict[str, Any], table: Mapping[str, type[BaseModel]], what: str) -> tuple[Any, str]:
        given = data.get("type")
        if not isinstance(given, str) or given not in table:
            raise _UnknownTypeError(given, table, what)
        return table[given], f"{given} {what}"


class _UnknownTypeError(Exception):
    """The `type` of a file is missing or nobody knows it."""

    def __init__(self, given: Any, table: Mapping[str, Any], what: str) -> None:
        super().__init__(f"unknown type {given!r}")
        self._given, self._table, self._what = given, table, what

    def finding(self, document: Document) -> Diagnostic:
        note = f"types of {self._what}s: {listed(sorted(self._table), 40)}"
        if self._given is None:
            text = f'this {self._what} needs the key "type"'
            return Diagnostic("E204", text, document.place(()), help='add "type:"', note=note)
        text = f'unknown type "{self._given}"'
        advice = meant(str(self._given), self._table)
        return Diagnostic("E201", text, document.place(("type",)), label="not a type", help=advice, note=note)


def _inner(path: PurePosixPath) -> str:
    return PurePosixPath(*path.parts[1:]).with_suffix("").as_posix()
