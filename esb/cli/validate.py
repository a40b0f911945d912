"""esb validate: everything that is wrong with a project, before it runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from esb.cli.options import AsJson, ProjectDir
from esb.cli.output import emit, say
from esb.errors import Diagnostic
from esb.routes import Project, as_data, as_github, lint, load, read_files, render_all, summary
from esb.routes.render import MOST_SHOWN, ordered
from esb.routes.show import policies
from esb.testing.route_test import lint_cases


def command(
    project: ProjectDir = Path(),
    json: AsJson = False,
    form: Annotated[
        Literal["human", "json", "github"],
        typer.Option("--format", help="For people, programs, or a build server's page."),
    ] = "human",
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
) -> int:
    """Check every definition and test and say what is wrong, where, and what to write; exit 1 if something is."""
    found = load(read_files(project))
    in_cases, cases = lint_cases(project, found)
    findings = ordered([*lint(found), *in_cases])
    failed = any(strict or finding.severity == "error" for finding in findings)
    shown = "json" if json else form
    if shown == "json":
        data = [as_data(finding) for finding in findings]
        read = len(found.documents) + len(cases)
        emit({"ok": not failed, "files": read, "diagnostics": data, "policies": policies(found)})
    elif shown == "github":
        for finding in findings:
            print(as_github(finding))
    else:
        _tell(found, findings, cases)
    return int(failed)


def _tell(project: Project, findings: tuple[Diagnostic, ...], cases: Mapping[str, bytes]) -> None:
    if findings:
        # what must be mended comes before what may be
        findings = tuple(sorted(findings, key=lambda finding: finding.severity != "error"))
        print(render_all(findings, {**project.files, **cases}, colour=sys.stdout.isatty()))
    else:
        for name, text in policies(project).items():
            say(f"policy {name}: {text}")
    more = "; mend the first ones, or see all with --json" if len(findings) > MOST_SHOWN else ""
    say(summary(findings, len(project.documents) + len(cases)) + more)
