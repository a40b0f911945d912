"""esb validate: everything that is wrong with a project, before it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from esb.cli.options import AsJson, ProjectDir
from esb.cli.output import emit, say
from esb.errors import Diagnostic
from esb.routes import Project, as_data, as_github, lint, load, read_files, render_all, summary
from esb.routes.show import policies


def command(
    project: ProjectDir = Path(),
    json: AsJson = False,
    form: Annotated[
        Literal["human", "json", "github"],
        typer.Option("--format", help="For people, programs, or a build server's page."),
    ] = "human",
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
) -> int:
    """Check every definition and say what is wrong, where, and what to write instead; exit 1 if something is."""
    found = load(read_files(project))
    findings = lint(found)
    failed = any(strict or finding.severity == "error" for finding in findings)
    shown = "json" if json else form
    if shown == "json":
        data = [as_data(finding) for finding in findings]
        emit({"ok": not failed, "files": len(found.documents), "diagnostics": data, "policies": policies(found)})
    elif shown == "github":
        for finding in findings:
            print(as_github(finding))
    else:
        _tell(found, findings)
    return int(failed)


def _tell(project: Project, findings: tuple[Diagnostic, ...]) -> None:
    if findings:
        print(render_all(findings, project.files, colour=sys.stdout.isatty()))
    else:
        for name, text in policies(project).items():
            say(f"policy {name}: {text}")
    say(summary(findings, len(project.documents)))
