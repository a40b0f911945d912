"""Library: what steps refer to by name, built once: formats, transforms, contracts, tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, TypeVar

from esb.contracts import compile_contract
from esb.errors import DefinitionError, MessageError
from esb.message import BusinessKey, Message
from esb.ports import Contract, Format, Step, Transform
from esb.routes.parts import FORMATS
from esb.routes.project import Project
from esb.specs import EndpointSpec, FormatSpec, Interchanges, Table
from esb.transforms import read_table

T = TypeVar("T")


class AbsentError(DefinitionError):
    """What a definition names is not there, or could not be read; lint has said so at its own place."""


@dataclass(slots=True)
class Library:
    """Builds what is asked for, once; what could not be built is absent for whoever asks again."""

    project: Project
    _built: dict[tuple[str, str], Any] = field(default_factory=dict)
    _failed: dict[tuple[str, str], DefinitionError] = field(default_factory=dict)

    def transform(self, name: str) -> Transform:
        """Return a transform of the project. Raises DefinitionError."""
        return self._once("transform", name, lambda: self._transform(name))

    def contract(self, name: str) -> Contract:
        """Return a contract of the project. Raises DefinitionError."""
        return self._once("contract", name, lambda: self._contract(name))

    def table(self, name: str) -> Table:
        """Return a lookup table of the project. Raises DefinitionError."""
        return self._once("table", name, lambda: read_table(name, self.project.files))

    def format(self, endpoint: str) -> Format:
        """Return the format of an endpoint; an endpoint that names none speaks JSON. Raises DefinitionError."""
        return self._once("format", endpoint, lambda: self._format(endpoint))

    def interchanges(self, endpoint: str) -> Interchanges | None:
        """Return how an endpoint gets interchanges with control numbers, or None if its format has none."""
        made, spec = self.format(endpoint), self.endpoint(endpoint)
        draft = getattr(made, "draft", None)
        if draft is None and spec.batch is not None:
            raise DefinitionError(
                f"endpoint {endpoint}: batch: collects documents into one interchange, and its format writes none; "
                "give it format: { type: x12 or edifact, envelope: … }, or remove batch:"
            )
        if draft is None:
            return None
        partner = self.project.partners.get(spec.partner)
        if partner is None:
            return Interchanges(draft, made.name, batched=spec.batch is not None)
        within = (partner.expect.ack if partner.expect is not None else None) or 0.0
        calendar = partner.calendar.build() if partner.calendar is not None else None
        return Interchanges(draft, made.name, within, spec.batch is not None, calendar)

    def _contract(self, name: str) -> Contract:
        file = self.project.places["contract"].get(name)
        if file is None:
            raise AbsentError(f"contract {name!r} does not exist")
        files = self.project.files
        kind: Literal["json-schema", "xsd"] = "xsd" if file.endswith(".xsd") else "json-schema"
        ending = "." + file.rpartition(".")[2]
        others = {path[len("schemas/") :]: raw for path, raw in files.items() if _is_schema(path, ending)}
        return compile_contract(name, files[file], kind, _referred(file[len("schemas/") :], others))

    def _transform(self, name: str) -> Transform:
        if name not in self.project.transforms:
            raise AbsentError(f"transform {name!r} does not exist")
        made = self.project.transforms[name].build(name, Shelf(self, f"transforms/{name}"), self.project.files)
        return _saying_where(self.project.places["transform"].get(name, f"transforms/{name}.yaml"), made)

    def _format(self, endpoint: str) -> Format:
        return self.format_spec(endpoint).build(self.project.files)

    def format_spec(self, endpoint: str) -> FormatSpec:
        """Return the format of an endpoint as it is written; EDI is read and written as the endpoint's partner does."""
        spec = self.endpoint(endpoint)
        given = spec.format or FORMATS["json"](type="json")
        if spec.partner and getattr(given, "partner", None) == "":
            return given.model_copy(update={"partner": spec.partner})
        return given

    def endpoint(self, name: str) -> EndpointSpec:
        """Return an endpoint of the project. Raises AbsentError."""
        if name not in self.project.endpoints:
            raise AbsentError(f"endpoint {name!r} does not exist")
        return self.project.endpoints[name]

    def _once(self, kind: str, name: str, build: Callable[[], T]) -> T:
        key = (kind, name)
        if key in self._failed:
            raise AbsentError(str(self._failed[key])) from self._failed[key]
        if key not in self._built:
            try:
                self._built[key] = build()
            except DefinitionError as error:
                self._failed[key] = error
                raise
        made: T = self._built[key]
        return made


def _saying_where(file: str, transform: Transform) -> Transform:
    """Return a transform whose failures begin with its file: who mends it knows neither route nor step by heart."""

    def run(message: Message) -> tuple[Any, str]:
        try:
            return transform(message)
        except MessageError as error:
            error.args = (f"{file}: {error}",)
            raise

    return run


def _is_schema(path: str, ending: str) -> bool:
    return path.startswith("schemas/") and not path.startswith("schemas/partners/") and path.endswith(ending)


def _referred(own: str, others: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the schemas that a schema names, and those that they name: a fault in any other is not its own."""
    found: dict[str, bytes] = {}
    names = [own]
    while names:
        text = others[names.pop()]
        for name, raw in others.items():
            if name != own and name not in found and name.rpartition("/")[2].encode() in text:
                found[name] = raw
                names.append(name)
    return found


@dataclass(slots=True)
class Shelf:
    """What a transform may use while it is built: other definitions, but no steps, for it belongs to no route."""

    library: Library
    path: str
    route: str = ""

    def transform(self, name: str) -> Transform:
        """Return another transform."""
        return self.library.transform(name)

    def contract(self, name: str) -> Contract:
        """Return a contract."""
        return self.library.contract(name)

    def table(self, name: str) -> Table:
        """Return a lookup table."""
        return self.library.table(name)

    def flow(self, name: str, steps: Sequence[Any]) -> Step:
        """Refuse."""
        self._refuse("steps")

    def call(self, route: str) -> Step:
        """Refuse."""
        self._refuse("a route to call")

    def outgoing(self, endpoint: str) -> Callable[[Message], Message]:
        """Refuse."""
        self._refuse("an endpoint to send to")

    def interchanges(self, endpoint: str) -> Interchanges | None:
        """Refuse."""
        self._refuse("an endpoint to send to")

    def keys(self, message: Message) -> tuple[BusinessKey, ...]:
        """Return the keys that the message has."""
        return message.keys

    def _refuse(self, what: str) -> NoReturn:
        raise DefinitionError(f"{self.path}: a transform has no {what}")
