"""Route tests: cases in YAML, run from source to captured sends in this process; nothing leaves it.

From pytest: `report = run_cases(project=ROOT)`, then `assert report.passed, report.text()`.
"""

from __future__ import annotations

from esb.testing.route_test.arriving import Arrival
from esb.testing.route_test.bench import Bench, Happened
from esb.testing.route_test.case_files import FOLDER, ReadCase, find, lint_cases, read_cases
from esb.testing.route_test.cases import Case, CaseFile, schema
from esb.testing.route_test.checking import Problem
from esb.testing.route_test.coverage import Coverage
from esb.testing.route_test.junit import junit
from esb.testing.route_test.suite import CaseResult, Report, run_case, run_cases

__all__ = [
    "FOLDER",
    "Arrival",
    "Bench",
    "Case",
    "CaseFile",
    "CaseResult",
    "Coverage",
    "Happened",
    "Problem",
    "ReadCase",
    "Report",
    "find",
    "junit",
    "lint_cases",
    "read_cases",
    "run_case",
    "run_cases",
    "schema",
]
