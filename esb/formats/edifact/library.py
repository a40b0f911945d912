"""The guides of EDIFACT: which ship with the package, in which directories, and which of them reads what came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files as package_files

from esb.formats.edi.dictionary import Dictionary, rank
from esb.formats.edi.grammar import Guide
from esb.formats.edi.guide_file import read_guide
from esb.formats.edi.library import Guides, Standard
from esb.formats.edi.machine import Machine
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


_STANDARD = Standard(
    name="edifact",
    example="edifact/ORDERS",
    versions=VERSIONS,
    header="UNH",
    trailer="UNT",
    answers=(SERVICE,),
    shipped=shipped,
    nearest=nearest,
    dictionary=dictionary,
    guide=standard,
)


class Library(Guides):
    """The guides of EDIFACT that a format reads with, by directory and syntax."""

    def __init__(self, names: tuple[str, ...], project: Mapping[str, bytes], partner: str = "") -> None:
        super().__init__(_STANDARD, names, project, partner, SYNTAXES[0])

    def machine(self, name: str, version: str, syntax: str, marks: Marks, stream: bool = False) -> Machine | None:
        """Return the compiled guide of a message, or None; the empty name gives one that takes only UNH and UNT.

        With `stream` it cuts the message at each turn of its main loop.
        """
        near = nearest(version)
        if name and name != SERVICE and not (near and (self.overlay is None or self.overlay.agreed(version))):
            return None
        return self.compiled(name, near or VERSIONS[0], syntax, marks, stream)

    def known(self, version: str) -> frozenset[str]:
        """Return the tags of a directory; those of the first if it is none."""
        return dictionary(nearest(version) or VERSIONS[0]).tags
