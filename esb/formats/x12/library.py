"""The guides of X12: those that ship with the package, and those of a project; read once, compiled on demand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files as package_files

from esb.errors import DefinitionError
from esb.formats.edi.dictionary import Dictionary
from esb.formats.edi.grammar import Guide
from esb.formats.edi.guide_file import read_guide
from esb.formats.edi.machine import Machine
from esb.formats.edi.overlay import PartnerOverlay, read_overlay
from esb.formats.edi.parties import read_parties
from esb.formats.edi.patterns import Marks
from esb.reading import Document, read

VERSIONS = ("004010", "005010")
"""Versions with a dictionary of their own; a later or earlier one is read with the nearest below (or the first)."""

ANSWERS = ("997", "999")
"""Acknowledgments: they say what became of what was sent."""

_GUIDES = package_files("esb.formats.x12") / "guides"
_DICTIONARY_FILES = ("elements", "segments", "codes")


@cache
def _document(name: str) -> Document:
    return read(f"x12/{name}.yaml", (_GUIDES / f"{name}.yaml").read_bytes())


@cache
def dictionary(version: str) -> Dictionary:
    """Return the elements, segments and codes of one of VERSIONS."""
    elements, segments, codes = map(_document, _DICTIONARY_FILES)
    return Dictionary(elements, segments, codes.data, version)


@cache
def shipped() -> frozenset[str]:
    """Return the sets that have a guide in the package."""
    names = (entry.name.removesuffix(".yaml") for entry in _GUIDES.iterdir() if entry.name.endswith(".yaml"))
    return frozenset(name for name in names if name not in _DICTIONARY_FILES)


def nearest(version: str) -> str:
    """Return which of VERSIONS reads a GS08; empty if it is no version at all."""
    digits = version[:6]
    if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
        return ""
    return max((known for known in VERSIONS if known <= digits), default=VERSIONS[0])


@cache
def standard(name: str, version: str) -> Guide | None:
    """Return the shipped guide of a set in one of VERSIONS, or None."""
    if name not in shipped():
        return None
    document = _document(name)
    versions = [str(known) for known in document.data.get("versions", VERSIONS)]
    return read_guide(document, dictionary(version)) if version in versions else None


class Library:
    """The guides that a format reads with: all shipped ones, or only those that its `guide` names."""

    def __init__(self, names: tuple[str, ...], project: Mapping[str, bytes], partner: str = "") -> None:
        self.overlay = read_overlay(partner, project)
        self.parties = read_parties(partner, project)
        self._narrowed: dict[tuple[str, str], Guide | None] = {}
        self._machines: dict[tuple[str, str, Marks, bool], Machine | None] = {}
        self._shipped = frozenset(name.removeprefix("x12/") for name in names if name.startswith("x12/"))
        self._own: dict[str, Document] = {}
        self._all = not names
        for name in names:
            if name.startswith("x12/"):
                if name.removeprefix("x12/") not in shipped():
                    raise DefinitionError(f"x12: there is no guide {name!r}; there are {', '.join(sorted(shipped()))}")
            else:
                self._add(name, project)
        for version in VERSIONS:
            for document in self._own.values():
                read_guide(document, dictionary(version))
        if self.overlay is not None:
            self._check(self.overlay)

    def _check(self, overlay: PartnerOverlay) -> None:
        """Say now what is wrong with an overlay: for every set that it changes, in the versions that are agreed."""
        error = overlay.unknown(shipped() | set(self._own))
        if error is not None:
            raise error
        for name in overlay.spec.change:
            for version in dict.fromkeys(nearest(given) for given in overlay.spec.versions or VERSIONS):
                guide = self._plain(name, version or VERSIONS[0])
                if guide is not None:
                    overlay.narrowed(guide)

    @property
    def only(self) -> str:
        """The set that is meant where none is named: the one whose guide was chosen, if it is one."""
        names = [*self._own, *self._shipped]
        return names[0] if len(names) == 1 else ""

    def machine(self, name: str, version: str, marks: Marks, stream: bool = False) -> Machine | None:
        """Return the compiled guide of a set, or None; the empty name gives one that takes nothing but ST and SE.

        With `stream` it cuts the set at each turn of its main loop.
        """
        near = nearest(version) or VERSIONS[0]
        key = (name, near, marks, stream)
        if key not in self._machines:
            if len(self._machines) > 200:
                # separators come from outside: without a bound they would fill the memory
                self._machines.clear()
            guide = self._guide(name, near)
            words = dictionary(near)
            header, trailer = words.segment("ST"), words.segment("SE")
            self._machines[key] = Machine(guide, marks, header, trailer, stream) if guide is not None else None
        return self._machines[key]

    def known(self, version: str) -> frozenset[str]:
        """Return the tags of a version; none if it is no version, or none that the partner may use."""
        near = nearest(version)
        agreed = self.overlay is None or self.overlay.agreed(version)
        return dictionary(near).tags if near and agreed else frozenset()

    def guides(self, version: str) -> list[Guide]:
        """Return the guides of a version."""
        names = set(self._own) | (shipped() if self._all else self._shipped)
        return [guide for name in sorted(names) if (guide := self._guide(name, nearest(version))) is not None]

    def _add(self, name: str, project: Mapping[str, bytes]) -> None:
        path = f"schemas/{name}.yaml"
        if path not in project:
            raise DefinitionError(
                f"x12: guide {name!r}: there is no file {path}; write it, or name a standard: x12/850"
            )
        document = read(path, project[path])
        if not isinstance(document.data, dict) or "set" not in document.data:
            raise DefinitionError(f"{path}:1:1: a guide needs set:, is: and body:")
        self._own[str(document.data["set"])] = document

    def _guide(self, name: str, version: str) -> Guide | None:
        """Return the guide of a set as the partner uses it."""
        key = (name, version)
        if key not in self._narrowed:
            guide = self._plain(name, version)
            self._narrowed[key] = (
                self.overlay.narrowed(guide) if guide is not None and self.overlay is not None else guide
            )
        return self._narrowed[key]

    def _plain(self, name: str, version: str) -> Guide | None:
        if not name:
            return Guide("", "unknown", version, "", (), frozenset())
        if name in self._own:
            return read_guide(self._own[name], dictionary(version))
        # whoever sends may get an acknowledgment, whatever guides were chosen
        return standard(name, version) if self._all or name in (*self._shipped, *ANSWERS) else None
