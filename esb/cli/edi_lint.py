"""esb edi lint: everything that is wrong with EDI files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from esb.cli.edi_options import Endpoint, Guides, Partner, called, chooser, counted, opened
from esb.cli.options import AsJson, ProjectDir
from esb.cli.output import emit, say
from esb.errors import UsageError
from esb.formats.edi.faults import EdiFinding
from esb.management.edi_files import Dialect, Report, Seen, Shown, caret, readable, study

FAULTY, UNREADABLE = 1, 65


def command(
    files: Annotated[list[str], typer.Argument(help="The files; - reads standard input.")],
    project: ProjectDir = Path(),
    guide: Guides = None,
    endpoint: Endpoint = "",
    partner: Partner = "",
    json: AsJson = False,
) -> int:
    """Say what is wrong with EDI files, each fault with its segment and a caret below it.

    Exit 0: accepted, 1: there are errors, 65: a file cannot be read at all. With --json one object a file, in order.
    """
    choose, seen, code = chooser(project, guide, endpoint, partner), Seen(), 0
    for name in files:
        report = report_of(name, choose, seen)
        if json:
            emit(report.as_data())
            if report.left_out:
                say(f"{report.name}: {_left_out(report)}")
        else:
            _tell(report)
        code = max(code, UNREADABLE if report.verdict == "unreadable" else FAULTY if report.errors else 0)
    return code


def report_of(name: str, choose: Callable[[str], Dialect], seen: Seen) -> Report:
    """Return what is in a file; one that cannot be read is a report that says so."""
    try:
        with opened(name) as file:
            return study(called(name), file, choose, seen)
    except (UsageError, OSError) as error:
        report = Report(called(name))
        report.note(EdiFinding("file.unreadable", str(error)))
        return report


def _tell(report: Report) -> None:
    for shown in report.findings:
        sys.stdout.writelines(f"{line}\n" for line in lines(report.name, shown))
    say(sentence(report))


def lines(name: str, shown: Shown) -> Iterator[str]:
    """Give the lines that tell one finding."""
    found = shown.finding
    yield f"{name}:{found.line}: {found.severity} {found.code}: {readable_text(found.text)}"
    place = where(found)
    if place:
        yield f"    in {place}"
    if shown.text and shown.marks is not None:
        at_home = shown.text.startswith(found.tag)
        text, below = caret(
            shown.text,
            shown.marks,
            found.element if at_home else 0,
            found.component if at_home else 0,
            found.value,
            shown.codec,
        )
        yield f"      {text}"
        yield f"      {below}"


def where(found: EdiFinding) -> str:
    """Return the place of a finding as people say it; an empty segment has no tag."""
    tag = f" ({found.tag})" if found.tag else ""
    pairs = (
        ("interchange", found.interchange),
        ("group", found.group),
        ("set", found.transaction),
        ("segment", f"{found.segment}{tag}" if found.segment else ""),
        ("element" if found.segment else f"{found.tag} element", found.element),
        ("component", found.component),
    )
    return ", ".join(f"{name} {readable_text(str(value))}" for name, value in pairs if value)


def readable_text(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return readable(text) if not text.isprintable() else text


def sentence(report: Report) -> str:
    """Return what a file is, in one line."""
    pairs = ((report.interchanges, "interchange"), (report.groups, "group"), (report.transactions, "transaction"))
    counts = ", ".join(counted(count, word) for count, word in pairs)
    rejected = f" ({report.rejected} rejected)" if report.rejected else ""
    kind = f"{report.dialect}, " if report.dialect else ""
    more = f"; {_left_out(report)}" if report.left_out else ""
    found = f"{counted(report.errors, 'error')}, {counted(report.warnings, 'warning')}"
    return f"{report.name}: {report.verdict.replace('-', ' ')}: {kind}{counts}{rejected}; {found}{more}"


def _left_out(report: Report) -> str:
    return f"{counted(report.left_out, 'more finding')} {'is' if report.left_out == 1 else 'are'} not shown"
