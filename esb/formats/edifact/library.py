"""The guides of EDIFACT: those that ship with the package, and those of a project; read once, compiled on demand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files as package_files

from esb.errors import DefinitionError
from esb.formats.edi.dictionary import Dictionary, rank
from esb.formats.edi.grammar import Guide
from esb.formats.edi.guide_file import read_guide
from esb.formats.edi.machine import Machine
from esb.formats.edi.overlay import PartnerOverlay, read_overlay
from esb.formats.edi.parties import read_parties
from esb.formats.edi.patterns import Marks
from esb.reading import Document, read

VERSIONS = ("D96A", "D01B")
"""Directories that we have; a later or earlier one is read with the nearest below (or the first)."""

SYNTAXES = ("3", "4")
"""Versions of the syntax that differ in their service segments; 1 and 2 are read as 3."""

SERVICE = "CONTRL"
"""The message of the syntax itself: its versions are those of the syntax, not of a directory."""

_GUIDES = package_files("esb.formats.edifact") / "guides"
_DICTIONARY_FILES = frozenset({"elements", "segments", "codes"})
_DIRECTORY = re.compile(r"[DS]\d\d[AB]", re.ASCII)


@cache
def _document(name: str) -> Document:
    return read(f"edifact/{name}.yaml", _GUIDES.joinpath(*f"{name}.yaml".split("/")).read_bytes())


@cache
def dictionary(version: str, syntax: str = "3") -> Dictionary:
    """Return the elements, segments and codes of one of VERSIONS, with the service segments of one of SYNTAXES."""
    elements, segments, codes = map(_document, ("elements", "segments", "codes"))
    return Dictionary(elements, segments, codes.data, version, syntax)


@cache
def shipped() -> frozenset[str]:
    """Return the messages that have a guide in the package."""
    folders = [_GUIDES, *(_GUIDES / version for version in VERSIONS)]
    names = (entry.name for folder in folders for entry in folder.iterdir())
    return frozenset(name[:-5] for name in names if name.endswith(".yaml")) - _DICTIONARY_FILES


def nearest(version: str) -> str:
    """Return which of VERSIONS reads a directory such as D97A; empty if it is none."""
    if not _DIRECTORY.fullmatch(version):
        return ""
    return max((known for known in VERSIONS if rank(known) <= rank(f"D{version[1:]}")), key=rank, default=VERSIONS[0])


@cache
def standard(name: str, version: str, syntax: str = "3") -> Guide | None:
    """Return the shipped guide of a message in one of VERSIONS, or None."""
    if name not in shipped():
        return None
    own = (_GUIDES / version / f"{name}.yaml").is_file()
    if not own and not (_GUIDES / f"{name}.yaml").is_file():
        return None
    return read_guide(_document(f"{version}/{name}" if own else name), dictionary(version, syntax))


class Library:
    """The guides that a format reads with: all shipped ones, or only those that its `guide` names."""

    def __init__(self, names: tuple[str, ...], project: Mapping[str, bytes], partner: str = "") -> None:
        self.overlay = read_overlay(partner, project)
        self.parties = read_parties(partner, project)
        self._narrowed: dict[tuple[str, str, str], Guide | None] = {}
        self._machines: dict[tuple[str, str, str, Marks, bool], Machine | None] = {}
        self._shipped = frozenset(name.removeprefix("edifact/") for name in names if name.startswith("edifact/"))
        self._own: dict[str, Document] = {}
        self._all = not names
        for name in names:
            if not name.startswith("edifact/"):
                self._add(name, project)
            elif name.removeprefix("edifact/") not in shipped():
                known = ", ".join(sorted(shipped()))
                raise DefinitionError(f"edifact: there is no guide {name!r}; there are {known}")
        for version in VERSIONS:
            for document in self._own.values():
                if version in _versions(document):
                    read_guide(document, dictionary(version))
        if self.overlay is not None:
            self._check(self.overlay)

    def _check(self, overlay: PartnerOverlay) -> None:
        """Say now what is wrong with an overlay: for every message that it changes, in the directories agreed."""
        error = overlay.unknown(shipped() | set(self._own))
        if error is not None:
            raise error
        for name in overlay.spec.change:
            for version in dict.fromkeys(nearest(given) for given in overlay.spec.versions or VERSIONS):
                guide = self._plain(name, version or VERSIONS[0], "3")
                if guide is not None:
                    overlay.narrowed(guide)

    @property
    def only(self) -> str:
        """The message that is meant where none is named: the one whose guide was chosen, if it is one."""
        names = [*self._own, *self._shipped]
        return names[0] if len(names) == 1 else ""

    def machine(self, name: str, version: str, syntax: str, marks: Marks, stream: bool = False) -> Machine | None:
        """Return the compiled guide of a message, or None; the empty name gives one that takes only UNH and UNT.

        With `stream` it cuts the message at each turn of its main loop.
        """
        near = nearest(version)
        if name and name != SERVICE and not (near and (self.overlay is None or self.overlay.agreed(version))):
            return None
        key = (name, near or VERSIONS[0], syntax, marks, stream)
        if key not in self._machines:
            if len(self._machines) > 200:
                # separators come from outside: without a bound they would fill the memory
                self._machines.clear()
            guide = self._guide(name, key[1], syntax)
            words = dictionary(key[1], syntax)
            header, trailer = words.segment("UNH"), words.segment("UNT")
            self._machines[key] = Machine(guide, marks, header, trailer, stream) if guide is not None else None
        return self._machines[key]

    def known(self, version: str) -> frozenset[str]:
        """Return the tags of a directory; none if it is no directory."""
        return dictionary(nearest(version) or VERSIONS[0]).tags

    def guides(self, version: str) -> list[Guide]:
        """Return the guides of a directory."""
        names = set(self._own) | (shipped() if self._all else self._shipped)
        found = (self._guide(name, nearest(version), "3") for name in sorted(names))
        return [guide for guide in found if guide is not None]

    def _add(self, name: str, project: Mapping[str, bytes]) -> None:
        path = f"schemas/{name}.yaml"
        if path not in project:
            raise DefinitionError(
                f"edifact: guide {name!r}: there is no file {path}; write it, or name a standard: edifact/ORDERS"
            )
        document = read(path, project[path])
        if not isinstance(document.data, dict) or "set" not in document.data:
            raise DefinitionError(f"{path}:1:1: a guide needs set:, is: and body:")
        self._own[str(document.data["set"])] = document

    def _guide(self, name: str, version: str, syntax: str) -> Guide | None:
        """Return the guide of a message as the partner uses it."""
        key = name, version, syntax
        if key not in self._narrowed:
            guide = self._plain(*key)
            if guide is not None and self.overlay is not None:
                guide = self.overlay.narrowed(guide)
            self._narrowed[key] = guide
        return self._narrowed[key]

    def _plain(self, name: str, version: str, syntax: str) -> Guide | None:
        if not name:
            return Guide("", "unknown", version, "", (), frozenset())
        if name in self._own and version in _versions(self._own[name]):
            return read_guide(self._own[name], dictionary(version, syntax))
        # a CONTRL belongs to the syntax: whoever sends may get one, whatever guides were chosen
        return standard(name, version, syntax) if self._all or name in (*self._shipped, SERVICE) else None


def _versions(document: Document) -> list[str]:
    return [str(version) for version in document.data.get("versions", VERSIONS)]
