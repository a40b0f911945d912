"""Guides by name, of either standard and of a project: what `esb edi lint-guide`, `diff` and `doc` look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from esb.errors import DefinitionError, Diagnostic
from esb.formats.edi.dictionary import Dictionary
from esb.formats.edi.grammar import Guide
from esb.formats.edi.guide_file import read_guide
from esb.formats.edi.lint import lint_guide
from esb.formats.edi.overlay import read_overlay
from esb.formats.edifact import library as edifact
from esb.formats.flat.guide import read_flat_guide
from esb.formats.x12 import library as x12
from esb.message import NOTHING
from esb.reading import Document, read


def find_guide(name: str, version: str = "", files: Mapping[str, bytes] = NOTHING, partner: str = "") -> Guide:
    """Return a guide: `x12/850`, `edifact/ORDERS`, or a file of the project under schemas/, as a partner uses it.

    `version` = 004010, D96A …; default: the first that the guide has, or that is agreed with the partner.

    Raises:
        DefinitionError: There is no such guide, it is wrong, or the partner's overlay is.
    """
    overlay = read_overlay(partner, files)
    if partner and overlay is None and f"schemas/partners/{partner}.yaml" not in files:
        raise DefinitionError(f"there is no partner {partner!r}: schemas/partners/{partner}.yaml does not exist")
    agreed = list(overlay.spec.versions) if overlay is not None else []
    wanted = [version] if version else [*agreed, *x12.VERSIONS, *edifact.VERSIONS]
    for one in wanted:
        guide = _guide(name, one, files)
        if guide is not None:
            return overlay.narrowed(guide) if overlay is not None else guide
    known = ", ".join(sorted([f"x12/{known}" for known in x12.shipped()] + [f"edifact/{m}" for m in edifact.shipped()]))
    of = f" in version {version}" if version else ""
    raise DefinitionError(f"there is no guide {name!r}{of}; there are {known}, and files of the project under schemas/")


def lint_guides(files: Mapping[str, bytes]) -> list[Diagnostic]:
    """Return what is wrong or doubtful about the guides and overlays of a project: its files under schemas/.

    Errors are what keeps a guide from being used; warnings are segments that nothing reaches, places that cannot be
    told apart and code lists that allow nothing.
    """
    found: list[Diagnostic] = []
    for path in sorted(files):
        if not path.startswith("schemas/") or not path.endswith(".yaml"):
            continue
        check = _overlay if path.startswith("schemas/partners/") else _own
        try:
            found += check(path, files)
        except DefinitionError as error:
            found += error.diagnostics
    return list(dict.fromkeys(found))


def _guide(name: str, version: str, files: Mapping[str, bytes]) -> Guide | None:
    standard, _, rest = name.partition("/")
    if standard == "x12":
        return x12.standard(rest, x12.nearest(version)) if x12.nearest(version) else None
    if standard == "edifact":
        return edifact.standard(rest, edifact.nearest(version)) if edifact.nearest(version) else None
    path = f"schemas/{name}.yaml"
    if path not in files:
        return None
    document = read(path, files[path])
    if _is_flat(document.data):
        return read_flat_guide(document).guide
    words = _words(document, version)
    return read_guide(document, words) if words is not None else None


def _words(document: Document, version: str) -> Dictionary | None:
    """Return the dictionary of a version, if it is one of the standard that a project's guide belongs to."""
    if _is_x12(document.data):
        return x12.dictionary(x12.nearest(version)) if x12.nearest(version) else None
    return edifact.dictionary(edifact.nearest(version)) if edifact.nearest(version) else None


def _is_x12(data: Any) -> bool:
    return len(str(data.get("set", ""))) == 3


def _is_flat(data: Any) -> bool:
    """Return whether a guide says what its records are: it is one of flat files, not of a standard."""
    return isinstance(data, dict) and "records" in data


def _own(path: str, files: Mapping[str, bytes]) -> Iterator[Diagnostic]:
    """Give the findings of a guide of the project; other files under schemas/ are not looked at."""
    document = read(path, files[path])
    if not isinstance(document.data, dict) or not {"set", "body"} <= document.data.keys():
        return
    if _is_flat(document.data):
        yield from lint_guide(read_flat_guide(document).guide)
        return
    given = document.data.get("versions", ())
    versions = [str(version) for version in given] or list(x12.VERSIONS if _is_x12(document.data) else edifact.VERSIONS)
    for version in versions:
        words = _words(document, version)
        if words is not None:
            yield from lint_guide(read_guide(document, words))


def _overlay(path: str, files: Mapping[str, bytes]) -> Iterator[Diagnostic]:
    """Give the findings of a partner's overlay, held against every guide that it changes."""
    overlay = read_overlay(path.removeprefix("schemas/partners/").removesuffix(".yaml"), files)
    if overlay is None:
        return
    own = _own_sets(files)
    error = overlay.unknown(x12.shipped() | edifact.shipped() | frozenset(own))
    if error is not None:
        raise error
    for name in overlay.spec.change:
        for guide in _guides_of(name, overlay.spec.versions, own, files):
            before = set(lint_guide(guide))
            yield from (finding for finding in lint_guide(overlay.narrowed(guide)) if finding not in before)


def _own_sets(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the sets that the project has guides for, each with the guide's name."""
    found: dict[str, str] = {}
    for path in files:
        if path.startswith("schemas/") and path.endswith(".yaml") and not path.startswith("schemas/partners/"):
            data = _safe(path, files[path])
            if isinstance(data, dict) and {"set", "body"} <= data.keys() and not _is_flat(data):
                found[str(data["set"])] = path.removeprefix("schemas/").removesuffix(".yaml")
    return found


def _safe(path: str, raw: bytes) -> Any:
    try:
        return read(path, raw).data
    except DefinitionError:
        return None


def _guides_of(name: str, versions: list[str], own: Mapping[str, str], files: Mapping[str, bytes]) -> Iterator[Guide]:
    wanted = versions or [*x12.VERSIONS, *edifact.VERSIONS]
    names = (own[name],) if name in own else (f"x12/{name}", f"edifact/{name}")
    for given in names:
        for version in wanted:
            guide = _guide(given, version, files)
            if guide is not None:
                yield guide
