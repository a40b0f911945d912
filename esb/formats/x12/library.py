"""The guides of X12: which ship with the package, in which versions, and which of them reads what came."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files as package_files

from esb.formats.edi.dictionary import Dictionary
from esb.formats.edi.grammar import Guide
from esb.formats.edi.guide_file import read_guide
from esb.formats.edi.library import Guides, Standard
from esb.formats.edi.machine import Machine
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


_STANDARD = Standard(
    name="x12",
    example="x12/850",
    versions=VERSIONS,
    header="ST",
    trailer="SE",
    answers=ANSWERS,
    shipped=shipped,
    nearest=nearest,
    dictionary=lambda version, _: dictionary(version),
    guide=lambda name, version, _: standard(name, version),
)


class Library(Guides):
    """The guides of X12 that a format reads with, by GS08."""

    def __init__(self, names: tuple[str, ...], project: Mapping[str, bytes], partner: str = "") -> None:
        super().__init__(_STANDARD, names, project, partner)

    def machine(self, name: str, version: str, marks: Marks, stream: bool = False) -> Machine | None:
        """Return the compiled guide of a set, or None; the empty name gives one that takes nothing but ST and SE.

        With `stream` it cuts the set at each turn of its main loop.
        """
        return self.compiled(name, nearest(version) or VERSIONS[0], "", marks, stream)

    def known(self, version: str) -> frozenset[str]:
        """Return the tags of a version; none if it is no version, or none that the partner may use."""
        near = nearest(version)
        agreed = self.overlay is None or self.overlay.agreed(version)
        return dictionary(near).tags if near and agreed else frozenset()
