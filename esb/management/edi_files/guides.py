"""Guides by what people call them: x12/850, edifact/ORDERS@D01B, or a guide of the project; as a partner uses them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from esb.errors import DefinitionError
from esb.formats.edi.grammar import Guide
from esb.formats.edi.guide_file import read_guide
from esb.formats.edi.overlay import PartnerOverlay, read_overlay
from esb.formats.edifact import library as edifact
from esb.formats.x12 import library as x12
from esb.reading import read

_X12 = re.compile(r"[0-9A-Z]{3}")


def guides(called: str, files: Mapping[str, bytes], partner: str = "") -> Sequence[Guide]:
    """Return a guide in every version that it is written for, or in the one behind `@`.

    `files` are those of the project; `partner` names one of its partners.

    Raises:
        DefinitionError: There is no such guide, version or overlay, or one of them is wrong.
    """
    name, _, version = called.partition("@")
    found = _shipped(name, version) if name.startswith(("x12/", "edifact/")) else _own(name, version, files)
    overlay = overlay_of(partner, files) if partner else None
    return [overlay.narrowed(guide) for guide in found] if overlay is not None else found


def overlay_of(partner: str, files: Mapping[str, bytes]) -> PartnerOverlay:
    """Return the overlay of a partner. Raises DefinitionError if there is none."""
    found = read_overlay(partner, files)
    if found is None:
        raise DefinitionError(
            f"partner {partner!r} has no overlay; schemas/partners/{partner}.yaml says under edi: how its EDI differs"
        )
    return found


def dialect_of(guide: Guide) -> str:
    """Return whether a guide is one of `x12` or `edifact`."""
    return "x12" if _X12.fullmatch(guide.set) else "edifact"


def _shipped(name: str, version: str) -> Sequence[Guide]:
    dialect, _, kind = name.partition("/")
    library = x12 if dialect == "x12" else edifact
    if kind not in library.shipped():
        raise DefinitionError(f"there is no guide {name!r}; there are {', '.join(sorted(library.shipped()))}")
    found = [guide for each in _versions(dialect, version) if (guide := library.standard(kind, each)) is not None]
    if not found:
        raise DefinitionError(f"guide {name} is not written for {version}")
    return found


def _own(name: str, version: str, files: Mapping[str, bytes]) -> Sequence[Guide]:
    path = f"schemas/{name}.yaml"
    if path not in files:
        raise DefinitionError(f"there is no guide {name!r}: no file {path}; write it, or name a standard: x12/850")
    document = read(path, files[path])
    if not isinstance(document.data, dict) or "set" not in document.data:
        raise DefinitionError(f"{path}:1:1: a guide needs set:, is: and body:")
    dialect = "x12" if _X12.fullmatch(str(document.data["set"])) else "edifact"
    words = x12.dictionary if dialect == "x12" else edifact.dictionary
    written = [str(each) for each in document.data.get("versions", _versions(dialect, ""))]
    wanted = [each for each in _versions(dialect, version) if each in written]
    if not wanted:
        raise DefinitionError(f"{path}: the guide is for {', '.join(written)}, not for {version}")
    return [read_guide(document, words(each)) for each in wanted]


def _versions(dialect: str, version: str) -> Sequence[str]:
    """Return the versions that are meant: all that we have, or the one that reads a version."""
    of_x12 = dialect == "x12"
    if not version:
        return x12.VERSIONS if of_x12 else edifact.VERSIONS
    near = x12.nearest(version) if of_x12 else edifact.nearest(version)
    if not near:
        example = "004010" if of_x12 else "D96A"
        raise DefinitionError(f"{version!r} is no version; write one such as {example}")
    return (near,)
