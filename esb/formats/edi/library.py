"""The guides that a format of EDI reads with, those that ship and those of a project: read once, compiled on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from esb.errors import DefinitionError
from esb.formats.edi.dictionary import Dictionary
from esb.formats.edi.grammar import Guide
from esb.formats.edi.guide_file import read_guide
from esb.formats.edi.machine import Machine
from esb.formats.edi.overlay import PartnerOverlay, read_overlay
from esb.formats.edi.parties import read_parties
from esb.formats.edi.patterns import Marks
from esb.reading import Document, read

_MACHINES = 200
"""Compiled guides that are kept: separators come from outside, without a bound they would fill the memory."""


class Standard(Struct, frozen=True):
    """What a standard ships: guides by name, in some of its `versions`; its name stands before theirs (`x12/850`).

    `example` is such a name. `header` and `trailer` are the tags around a set; `answers` say what became of what was
    sent. `nearest` says which of `versions` reads one that came, empty if it is no version at all. `dictionary` gives
    the words of a version and a syntax, `guide` the shipped guide of a name, version and syntax, or None.
    """

    name: str
    example: str
    versions: tuple[str, ...]
    header: str
    trailer: str
    answers: tuple[str, ...]
    shipped: Callable[[], frozenset[str]]
    nearest: Callable[[str], str]
    dictionary: Callable[[str, str], Dictionary]
    guide: Callable[[str, str, str], Guide | None]


class Guides:
    """The guides of one format: all shipped ones, or only those that its `names` say.

    `syntax` is the version of the syntax where nobody says another; only EDIFACT has any.
    """

    def __init__(
        self, standard: Standard, names: tuple[str, ...], project: Mapping[str, bytes], partner: str, syntax: str = ""
    ) -> None:
        self._standard, self._syntax = standard, syntax
        self.overlay = read_overlay(partner, project)
        self.parties = read_parties(partner, project)
        self._narrowed: dict[tuple[str, str, str], Guide | None] = {}
        self._machines: dict[tuple[str, str, str, Marks, bool], Machine | None] = {}
        self._shipped: dict[str, None] = {}
        self._own: dict[str, Document] = {}
        self._all = not names
        for name in names:
            self._add(name, project)
        for version in standard.versions:
            for document in self._own.values():
                if version in self.versions(document):
                    read_guide(document, standard.dictionary(version, syntax))
        if self.overlay is not None:
            self._check(self.overlay)

    @property
    def only(self) -> str:
        """The set that is meant where none is named: the one whose guide was chosen, if it is one."""
        names = [*self._own, *self._shipped]
        return names[0] if len(names) == 1 else ""

    def versions(self, guide: Document) -> list[str]:
        """Return the versions that the file of a guide is written for."""
        return [str(version) for version in guide.data.get("versions", self._standard.versions)]

    def guides(self, version: str) -> list[Guide]:
        """Return the guides of a version."""
        near = self._standard.nearest(version)
        names = {*self._own, *(self._standard.shipped() if self._all else self._shipped)}
        found = (self._guide(name, near, self._syntax) for name in sorted(names))
        return [guide for guide in found if guide is not None]

    def compiled(self, name: str, version: str, syntax: str, marks: Marks, stream: bool) -> Machine | None:
        """Return the compiled guide of a set in one of the standard's versions, or None.

        The empty name gives one that takes nothing but header and trailer. With `stream` it cuts the set at each turn
        of its main loop.
        """
        key = (name, version, syntax, marks, stream)
        if key not in self._machines:
            if len(self._machines) > _MACHINES:
                self._machines.clear()
            guide = self._guide(name, version, syntax)
            words = self._standard.dictionary(version, syntax)
            header, trailer = words.segment(self._standard.header), words.segment(self._standard.trailer)
            self._machines[key] = Machine(guide, marks, header, trailer, stream) if guide is not None else None
        return self._machines[key]

    def _add(self, name: str, project: Mapping[str, bytes]) -> None:
        """Take a guide by its name: a shipped one, or a file of the project."""
        standard = self._standard
        if name.startswith(f"{standard.name}/"):
            kind = name.removeprefix(f"{standard.name}/")
            if kind not in standard.shipped():
                known = ", ".join(sorted(standard.shipped()))
                raise DefinitionError(f"{standard.name}: there is no guide {name!r}; there are {known}")
            self._shipped[kind] = None
            return
        path = f"schemas/{name}.yaml"
        if path not in project:
            text = f"guide {name!r}: there is no file {path}; write it, or name a standard: {standard.example}"
            raise DefinitionError(f"{standard.name}: {text}")
        document = read(path, project[path])
        if not isinstance(document.data, dict) or "set" not in document.data:
            raise DefinitionError(f"{path}:1:1: a guide needs set:, is: and body:")
        self._own[str(document.data["set"])] = document

    def _check(self, overlay: PartnerOverlay) -> None:
        """Say now what is wrong with an overlay: for every set that it changes, in the versions that are agreed."""
        standard = self._standard
        error = overlay.unknown(standard.shipped() | set(self._own))
        if error is not None:
            raise error
        for name in overlay.spec.change:
            for version in dict.fromkeys(map(standard.nearest, overlay.spec.versions or standard.versions)):
                guide = self._plain(name, version or standard.versions[0], self._syntax)
                if guide is not None:
                    overlay.narrowed(guide)

    def _guide(self, name: str, version: str, syntax: str) -> Guide | None:
        """Return the guide of a set as the partner uses it."""
        key = name, version, syntax
        if key not in self._narrowed:
            guide = self._plain(*key)
            if guide is not None and self.overlay is not None:
                guide = self.overlay.narrowed(guide)
            self._narrowed[key] = guide
        return self._narrowed[key]

    def _plain(self, name: str, version: str, syntax: str) -> Guide | None:
        """Return the guide of a set as it is written."""
        standard = self._standard
        if not name:
            return Guide("", "unknown", version, "", (), frozenset())
        if name in self._own and version in self.versions(self._own[name]):
            return read_guide(self._own[name], standard.dictionary(version, syntax))
        # whoever sends may get an acknowledgment, whatever guides were chosen
        wanted = self._all or name in self._shipped or name in standard.answers
        return standard.guide(name, version, syntax) if wanted else None
