"""JUnit XML of a report, for build servers that show test results."""

from __future__ import annotations

from html import escape
from itertools import groupby

from esb.testing.route_test.comparing import printable
from esb.testing.route_test.suite import CaseResult, Report


def junit(report: Report) -> str:
    """Return the report as JUnit XML: a suite for each file, a test case for each case."""
    failed = sum(not result.passed for result in report.results)
    suites = [_suite(file, list(group)) for file, group in groupby(report.results, key=lambda each: each.case.file)]
    head = f'<testsuites name="esb test" tests="{len(report.results)}" failures="{failed}">'
    return "\n".join(['<?xml version="1.0" encoding="utf-8"?>', head, *suites, "</testsuites>\n"])


def _suite(file: str, results: list[CaseResult]) -> str:
    failed = sum(not result.passed for result in results)
    seconds = sum(result.seconds for result in results)
    head = f'  <testsuite name="{_safe(file)}" tests="{len(results)}" failures="{failed}" time="{seconds:.3f}">'
    return "\n".join([head, *map(_case, results), "  </testsuite>"])


def _case(result: CaseResult) -> str:
    case = result.case
    place = f'classname="{_safe(case.route)}" file="{_safe(case.file)}" line="{case.line}"'
    head = f'    <testcase {place} name="{_safe(case.spec.name)}" time="{result.seconds:.3f}"'
    if result.passed:
        return f"{head}/>"
    lines = [line for problem in result.problems for line in (problem.text, *problem.lines)]
    first = _safe(result.problems[0].text)
    return f'{head}>\n      <failure message="{first}">{_safe(chr(10).join(lines))}</failure>\n    </testcase>'


def _safe(text: str) -> str:
    return escape(printable(text), quote=True)
