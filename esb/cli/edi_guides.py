"""esb edi lint-guide, diff and doc: the guides themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from esb.cli.edi_options import Partner, counted, guide_files
from esb.cli.options import AsJson, ProjectDir
from esb.cli.output import emit, say
from esb.errors import Diagnostic, UsageError
from esb.formats.edi.delimiters import Agreed
from esb.formats.edi.difference import diff as compare
from esb.formats.edi.difference import separated
from esb.formats.edi.grammar import Guide
from esb.formats.edi.guide_page import doc as page
from esb.formats.edi.lint import lint_guide as look
from esb.management.edi_files.guides import dialect_of, guides, overlay_of

_CALLED = "x12/850, edifact/ORDERS, a file, or a guide of the project; @VERSION chooses one: x12/850@005010."


def lint_guide(
    names: Annotated[list[str], typer.Argument(metavar="GUIDE", help=_CALLED)],
    project: ProjectDir = Path(),
    partner: Partner = "",
    strict: Annotated[bool, typer.Option("--strict", help="Doubts fail, too.")] = False,
    json: AsJson = False,
) -> int:
    """Look for what guides say but cannot mean: unreachable segments, loops that open alike, codes that allow nothing.

    Exit 78 if a guide or an overlay is wrong, 1 with --strict if one is doubtful.
    """
    found: dict[str, Diagnostic] = {}
    count = 0
    for name in names:
        called, files = guide_files(project, name, partner)
        for guide in guides(called, files, partner):
            count += 1
            doubts = overlay_of(partner, files).doubts(dialect_of(guide)) if partner else []
            found.update((str(diagnostic), diagnostic) for diagnostic in [*look(guide), *doubts])
    for text, diagnostic in found.items():
        if json:
            place = diagnostic.place
            emit({"code": diagnostic.code, "file": place.file, "line": place.line, "message": diagnostic.text})
        else:
            print(text)
    say(f"{counted(count, 'guide')} by version, {counted(len(found), 'doubtful place')}")
    return int(strict and bool(found))


def diff(
    old: Annotated[str, typer.Argument(help=_CALLED)],
    new: Annotated[str, typer.Argument(help="The other guide; without it: what --partner makes of the first.")] = "",
    project: ProjectDir = Path(),
    partner: Partner = "",
    json: AsJson = False,
) -> int:
    """Say what is different between two guides, two versions of one, or the standard and a partner's use of it."""
    if not new and not partner:
        raise UsageError("name another guide, or --partner for what a partner makes of this one")
    before, after = _one(project, old, "")[0], _one(project, new or old, partner)
    differences = [*separated(after[1]), *compare(before, after[0])]
    for one in differences:
        if json:
            emit({"path": one.path, "kind": one.kind, "message": one.text})
        else:
            print(one)
    say(counted(len(differences), "difference"))
    return 0


def doc(
    name: Annotated[str, typer.Argument(metavar="GUIDE", help=_CALLED)],
    project: ProjectDir = Path(),
    partner: Partner = "",
    html: Annotated[bool, typer.Option("--html", help="An HTML page; default: Markdown.")] = False,
) -> int:
    """Print the implementation guide as a page for partners: structure, segments, elements, and what is agreed."""
    guide, delimiters = _one(project, name, partner)
    sys.stdout.write(page(guide, html, delimiters).rstrip() + "\n")
    return 0


def _one(project: Path, name: str, partner: str) -> tuple[Guide, list[Agreed]]:
    """Return a guide in the version that is asked for, or in its first, and the delimiters that are agreed."""
    called, files = guide_files(project, name, partner)
    guide = guides(called, files, partner)[0]
    return guide, overlay_of(partner, files).delimiters(dialect_of(guide)) if partner else []
