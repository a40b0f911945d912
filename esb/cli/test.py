"""esb test: do the routes what their cases say? Nothing leaves, no server is needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from esb.cli.options import AsJson, ProjectDir
from esb.cli.output import Console, emit, say
from esb.errors import UsageError
from esb.testing.route_test import FOLDER, CaseResult, Coverage, Report, junit, run_cases

_STYLES = {"✓": "green", "✗": "red", "-": "red", "+": "green", "?": "cyan", "→": "blue", "■": "yellow", "!": "yellow"}


def command(
    paths: Annotated[list[Path] | None, typer.Argument(help=f"Files or folders of cases; default: {FOLDER}.")] = None,
    project: ProjectDir = Path(),
    select: Annotated[str, typer.Option("-k", help="Only cases whose file, route or name holds this text.")] = "",
    update_golden: Annotated[
        bool, typer.Option("--update-golden", help="Write the golden files as the bodies are now; read the diff.")
    ] = False,
    coverage: Annotated[bool, typer.Option("--coverage", help="List the steps and branches that never ran.")] = False,
    json: AsJson = False,
    format: Annotated[str, typer.Option(help="text, or junit for build servers.")] = "text",  # noqa: A002
) -> int:
    """Run the cases under tests/flows; exit 1 if one fails."""
    if format not in {"text", "junit"}:
        raise UsageError(f"--format {format!r} is not known; there are text and junit")
    quiet = json or format == "junit"
    report = run_cases(paths or (), project, select, update_golden, (lambda result: None) if quiet else _tell)
    if json:
        emit(as_data(report))
    elif format == "junit":
        sys.stdout.write(junit(report))
    else:
        _summary(report, coverage)
    if not report.results:
        say(_nothing(paths or (), select))
    return 0 if report.passed else 1


def _tell(result: CaseResult) -> None:
    paint(result.text().rstrip("\n").split("\n"))


def _summary(report: Report, coverage: bool) -> None:
    if not report.results:
        return
    if coverage:
        missed = _missed(report.coverage)
        paint(missed or ["every step and branch ran"])
    paint([report.sentence()])


def _missed(coverage: Coverage) -> list[str]:
    steps = [f"never ran: {route}: {path}" for route, path in coverage.steps_missed]
    return steps + [f"never taken: {route}: {path}" for route, path in coverage.branches_missed]


def _nothing(paths: Sequence[Path], select: str) -> str:
    if select:
        return f"no case holds {select!r} in its file, route or name"
    where = ", ".join(map(str, paths)) or FOLDER
    return f"there are no cases in {where}; write one: {FOLDER}/NAME.yaml with route: and cases: (docs/testing.md)"


def paint(lines: Sequence[str]) -> None:
    """Print lines; on a terminal their first sign gives the colour."""
    console = Console()
    for line in lines:
        console.print(Text(line, _STYLES.get(line.lstrip()[:1], "")))


def as_data(report: Report) -> dict[str, Any]:
    """Return a report as plain data for --json."""
    coverage = report.coverage
    return {
        "passed": sum(result.passed for result in report.results),
        "failed": sum(not result.passed for result in report.results),
        "cases": [
            {
                "file": result.case.file,
                "line": result.case.line,
                "route": result.case.route,
                "name": result.case.spec.name,
                "passed": result.passed,
                "seconds": round(result.seconds, 4),
                "problems": [{"text": problem.text, "lines": problem.lines} for problem in result.problems],
            }
            for result in report.results
        ],
        "coverage": {
            "percent": coverage.percent,
            "steps": len(coverage.steps),
            "branches": len(coverage.branches),
            "steps_missed": [f"{route}: {path}" for route, path in coverage.steps_missed],
            "branches_missed": [f"{route}: {path}" for route, path in coverage.branches_missed],
        },
    }
