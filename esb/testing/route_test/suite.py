"""Suite: the cases of a project run one after another, in process; a report says what passed and what is untested."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from esb.errors import EsbError
from esb.testing.route_test.answering import Keys, Mocks
from esb.testing.route_test.arriving import Arrival
from esb.testing.route_test.bench import Bench, Happened
from esb.testing.route_test.case_files import ReadCase, file_bytes, find, read_cases
from esb.testing.route_test.cases import Given
from esb.testing.route_test.checking import Problem, check
from esb.testing.route_test.coverage import Coverage, Covering


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went; no problems = it passed. `seconds` is what it took."""

    case: ReadCase
    problems: tuple[Problem, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.problems

    def text(self) -> str:
        """Return the case and its problems for people."""
        head = f"{'✓' if self.passed else '✗'} {self.case.title}"
        lines = [
            f"    {problem.text}\n" + "".join(f"      {line}\n" for line in problem.lines) for problem in self.problems
        ]
        return f"{head}\n{''.join(lines)}"


@dataclass(frozen=True, slots=True)
class Report:
    """How all cases went."""

    results: tuple[CaseResult, ...]
    coverage: Coverage

    @property
    def passed(self) -> bool:
        """Whether there were cases and all of them passed."""
        return bool(self.results) and all(result.passed for result in self.results)

    def text(self) -> str:
        """Return the failed cases and the figures, as an assertion message."""
        failed = [result.text() for result in self.results if not result.passed]
        return "".join(failed) + self.sentence()

    def sentence(self) -> str:
        """Return the figures: `5 passed, 1 failed · coverage 93 %: …`."""
        failed = sum(not result.passed for result in self.results)
        passed = f"{len(self.results) - failed} passed"
        return f"{passed}{f', {failed} failed' if failed else ''} · {self.coverage.sentence()}"


def run_cases(
    files: Sequence[Path] = (),
    project: Path = Path(),
    select: str = "",
    update_golden: bool = False,
    tell: Callable[[CaseResult], None] = lambda result: None,
) -> Report:
    """Run the cases in these files and folders (default: tests/flows) of a project; call it outside an event loop.

    `select` keeps the cases whose file, route or name holds this text. Without `files` and `select` the coverage is
    that of the whole project, else that of the routes that were tested.

    Raises:
        DefinitionError: The project or a case file is wrong; carries all findings.
        UsageError: A file does not exist or is not in the project.
    """
    bench = Bench.of(project)
    cases = chosen(read_cases(project, find(project, files), bench.outline), select)
    covering = Covering(bench.outline)
    results = []
    for case in cases:
        result, happened = run_case(bench, case, update_golden)
        covering.add(happened)
        results.append(result)
        tell(result)
    tested = {name for case in cases for name in bench.outline.called(case.route)}
    whole = not files and not select
    return Report(tuple(results), covering.coverage(bench.project.routes if whole else tested))


def chosen(cases: Sequence[ReadCase], text: str) -> list[ReadCase]:
    """Return the cases whose file, route or name holds a text, whatever its case."""
    wanted = text.casefold()
    return [case for case in cases if wanted in f"{case.file} {case.route} {case.title}".casefold()]


def run_case(bench: Bench, case: ReadCase, update_golden: bool = False) -> tuple[CaseResult, Happened]:
    """Run one case on a bench and compare; what cannot be set up is a problem of the case."""
    begun = perf_counter()
    happened = Happened()
    try:
        tables = {name: mock.rows for name, mock in case.mocks.items() if "rows" in mock.model_fields_set}
        set_up = bench.with_tables(tables)
        happened = asyncio.run(_deliver(set_up, case))
        problems = check(case, happened, set_up, update_golden)
    except EsbError as error:
        problems = [Problem(str(error))]
    return CaseResult(case, tuple(problems), perf_counter() - begun), happened


async def _deliver(bench: Bench, case: ReadCase) -> Happened:
    mocks = Mocks(case.mocks, lambda name: file_bytes(case.path(name)))
    arrivals = [_arrival(bench, case, number, given) for number, given in enumerate(case.spec.given, 1)]
    return await bench.deliver(case.route, arrivals, mocks, Keys(case.spec.seen), case.spec.release.__contains__)


def _arrival(bench: Bench, case: ReadCase, number: int, given: Given) -> Arrival:
    if given.file:
        path = case.path(given.file)
        body, name = bench.content(case.route, file_bytes(path)), given.name or path.name
    else:
        as_text = isinstance(given.body, str) and bench.reads(case.route)
        body, name = given.body.encode() if as_text else given.body, given.name
    return Arrival(body, number, name, given.headers, given.partner, given.at)
