"""Who may send by a partner's endpoint, and to whom: `ids` and `edi.receiver` of schemas/partners/NAME.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from pydantic import AfterValidator, TypeAdapter, ValidationError

from esb.edge import Finding, Part
from esb.formats.edi.delimiters import Delimiters, unlike
from esb.formats.edi.dictionary import refuse
from esb.reading import Document, read

_LONGEST = {"isa": 18, "gs": 15, "unb": 40}
"""Characters of an identifier with its qualifier: ISA05/ISA06, GS02, and 0007/0004 of EDIFACT."""


def _checked(ids: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
    for kind, given in ids.items():
        names = [given] if isinstance(given, str) else given
        longest = _LONGEST.get(kind, 200)
        if not names or any(not name.strip() or len(name) > longest for name in names):
            raise ValueError(f"{kind}: write identifiers of 1 to {longest} characters, 01/123456789 or 123456789")
    return ids


Ids: TypeAlias = Annotated[dict[str, str | list[str]], AfterValidator(_checked)]
"""Identifiers by kind; those of envelopes are `isa`, `gs` and `unb`. A qualifier stands before a slash."""


class Names(Struct, frozen=True):
    """What a party may be called in one place of an envelope. Without any, every name is right."""

    known: tuple[str, ...] = ()

    def wrong(self, identifier: str, qualifier: str = "") -> str:
        """Return what is not as declared: `identifier`, `qualifier`, or nothing.

        One that is declared without a qualifier may come with any.
        """
        identifier, qualifier = identifier.strip(), qualifier.strip()
        if not self.known or identifier in self.known or f"{qualifier}/{identifier}" in self.known:
            return ""
        if identifier and any(name.partition("/")[2] == identifier for name in self.known):
            return "qualifier"
        return "identifier"

    def __str__(self) -> str:
        return " or ".join(self.known)


class Ends(Struct, frozen=True):
    """The names of one side of an envelope: in ISA, in GS, and in UNB."""

    isa: Names = Names()
    gs: Names = Names()
    unb: Names = Names()


class Parties(Struct, frozen=True):
    """Who sends by an endpoint and who receives there, with which delimiters. `file` is where that is written.

    With `returning` what goes the other way, to the partner, is right too: files are looked at that we sent.
    """

    sender: Ends = Ends()
    receiver: Ends = Ends()
    file: str = ""
    returning: bool = False
    delimiters: Delimiters = Delimiters()

    def wrong(self, kind: str, sender: Sequence[str], receiver: Sequence[str]) -> list[tuple[str, str, str]]:
        """Return what is not as declared in an envelope (`isa`, `gs` or `unb`); parties are identifier, qualifier.

        Each is side (`sender`, `receiver`), what (`identifier`, `qualifier`) and what was declared, as people say it.
        """
        theirs, ours = getattr(self.sender, kind), getattr(self.receiver, kind)
        if self.returning and theirs.known and not theirs.wrong(*receiver):
            return []
        found = []
        for side, names, came, key in (
            ("sender", theirs, sender, f"ids.{kind}"),
            ("receiver", ours, receiver, f"edi.receiver.{kind}"),
        ):
            if what := names.wrong(*came):
                found.append((side, what, f"{self.file} declares {names} ({key})"))
        return found

    def unlike(self, dialect: str, came: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the delimiters of an interchange of `x12` or `edifact` that are not as agreed: name and text."""
        agreed = self.delimiters.of(dialect)
        key = f"edi.delimiters.{dialect}"
        return [(name, f"{text} ({self.file}, {key}.{name})") for name, text in unlike(agreed, came)]


def noted(part: Part, notes: Sequence[Finding]) -> Part:
    """Return a part that tells what was tolerated in the envelope around it, unless it tells that already."""
    new = [note for note in notes if note not in part.findings]
    return replace(part, findings=(*new, *part.findings)) if new else part


ANYBODY = Parties()
"""Nobody said who may send."""

_IDS: TypeAdapter[Any] = TypeAdapter(Ids)
_DELIMITERS: TypeAdapter[Any] = TypeAdapter(Delimiters)


def read_parties(partner: str, files: Mapping[str, bytes]) -> Parties:
    """Return who may send by the endpoints of a partner of the project; anybody if the partner has no such ids.

    Raises:
        DefinitionError: The ids or the delimiters are wrong; says where.
    """
    path = f"schemas/partners/{partner}.yaml"
    if not partner or path not in files:
        return ANYBODY
    document = read(path, files[path])
    data = document.data if isinstance(document.data, dict) else {}
    sender, receiver = (_ends(document, data, *loc) for loc in (("ids",), ("edi", "receiver")))
    delimiters = _valid(_DELIMITERS, document, data, "edi", "delimiters")
    if (sender, receiver, delimiters) == (Ends(), Ends(), Delimiters()):
        return ANYBODY
    return Parties(sender, receiver, path, delimiters=delimiters)


def _valid(kind: TypeAdapter[Any], document: Document, data: Any, *loc: str) -> Any:
    """Return what stands at a place of a partner's file, checked. Raises DefinitionError."""
    for key in loc:
        data = data.get(key) if isinstance(data, dict) else None
    try:
        return kind.validate_python(data or {})
    except ValidationError as error:
        first = error.errors()[0]
        place: list[Any] = [*loc] if kind is _IDS else [*loc, *first["loc"]]
        text = str(first["msg"]).removeprefix("Value error, ")
        raise refuse(document, place, f"{'.'.join(map(str, place))}: {text}") from None


def _ends(document: Document, data: Any, *loc: str) -> Ends:
    """Return the names that stand at a place of a partner's file."""
    ids: dict[str, str | list[str]] = _valid(_IDS, document, data, *loc)
    return Ends(*(_names(ids.get(kind, [])) for kind in ("isa", "gs", "unb")))


def _names(given: str | list[str]) -> Names:
    return Names(tuple(name.strip() for name in ([given] if isinstance(given, str) else given)))
