"""esb edi stats: what files hold, by set and partner, and how fast they were read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from esb.cli.edi_lint import report_of
from esb.cli.edi_options import Endpoint, Guides, Partner, chooser
from esb.cli.options import AsJson, ProjectDir
from esb.cli.output import emit, say, table
from esb.management.edi_files import Report, Seen, readable

UNREADABLE = 65


def command(
    files: Annotated[list[str], typer.Argument(help="The files; - reads standard input.")],
    project: ProjectDir = Path(),
    guide: Guides = None,
    endpoint: Endpoint = "",
    partner: Partner = "",
    json: AsJson = False,
) -> int:
    """Count what EDI files hold: sets and partners, faults by code, sizes, and the speed of reading."""
    choose, seen, code = chooser(project, guide, endpoint, partner), Seen(), 0
    for index, name in enumerate(files):
        began, ran = time.perf_counter(), time.process_time()
        report = report_of(name, choose, seen)
        spent, worked = time.perf_counter() - began, time.process_time() - ran
        if json:
            emit(_as_data(report, spent, worked))
        else:
            if len(files) > 1:
                print("\n" * bool(index) + f"{report.name}:")
            table(("what", "of", "count"), _rows(report))
            say(_sentence(report, spent, worked))
        code = max(code, UNREADABLE if report.verdict == "unreadable" else 0)
    return code


def _rows(report: Report) -> list[tuple[str, str, int]]:
    rows = [("interchanges", "", report.interchanges), ("groups", "", report.groups)]
    rows += [("transactions", "accepted", report.accepted), ("transactions", "rejected", report.rejected)]
    rows += [("set", readable(f"{name} {version}".strip()), count) for (name, version), count in report.sets.items()]
    rows += [("partner", readable(f"{one} > {other}"), count) for (one, other), count in report.partners.items()]
    rows += [("finding", code, count) for code, count in sorted(report.codes.items())]
    rows += [("finding", "over the limit of a set", report.uncounted)] if report.uncounted else []
    return [*rows, ("bytes", "in all", report.size), ("bytes", f"largest: {report.largest[1]}", report.largest[0])]


def _sentence(report: Report, spent: float, worked: float) -> str:
    speed = report.size / 1e6 / max(spent, 1e-9)
    return (
        f"{report.name}: {report.size / 1e6:.1f} MB in {spent:.2f} s, {speed:.1f} MB/s "
        f"({report.size / 1e6 / max(worked, 1e-9):.1f} MB/s of processor time)"
    )


def _as_data(report: Report, spent: float, worked: float) -> dict[str, object]:
    return {
        "file": report.name,
        "dialect": report.dialect or None,
        "verdict": report.verdict,
        "interchanges": report.interchanges,
        "groups": report.groups,
        "transactions": report.transactions,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "sets": [{"set": name, "version": version, "count": count} for (name, version), count in report.sets.items()],
        "partners": [
            {"sender": one, "receiver": other, "count": count} for (one, other), count in report.partners.items()
        ],
        "findings": dict(report.codes),
        "uncounted": report.uncounted,
        "bytes": report.size,
        "largest": {"set": report.largest[1] or None, "bytes": report.largest[0]},
        "seconds": round(spent, 6),
        "cpu_seconds": round(worked, 6),
    }
