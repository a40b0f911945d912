"""Routes: a user's files become a project, a project becomes findings or a plan.

`load(read_files(directory))` reads, `lint(project)` says everything that is wrong, `compile_plan(project)` builds.
"""

from __future__ import annotations

from esb.routes.build import compile_plan, release_of
from esb.routes.definition import From, Key, ProjectSpec, RouteSpec
from esb.routes.lint import check, lint
from esb.routes.partner import PartnerSpec
from esb.routes.project import Project, load, read_files
from esb.routes.render import as_data, as_github, render, render_all, summary

__all__ = [
    "From",
    "Key",
    "PartnerSpec",
    "Project",
    "ProjectSpec",
    "RouteSpec",
    "as_data",
    "as_github",
    "check",
    "compile_plan",
    "lint",
    "load",
    "read_files",
    "release_of",
    "render",
    "render_all",
    "summary",
]
