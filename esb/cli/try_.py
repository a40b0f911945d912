"""esb try: what would happen to this file? It goes through the route, step by step; nothing leaves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from esb.app.logs import Redactor, open_log
from esb.app.world import LiveWorld
from esb.cli.options import AsJson, ProjectDir, settings_of
from esb.cli.output import emit, say
from esb.cli.run import run_async
from esb.cli.test import paint
from esb.errors import FormatError, UsageError
from esb.message import Ask
from esb.ports import Sink
from esb.routes.nearest import listed, meant
from esb.runtime.clock import SystemClock
from esb.testing.route_test import Arrival, Bench, Happened
from esb.testing.route_test.answering import Keys, Mocks, NoAnswer, question
from esb.testing.route_test.case_files import MOST_BYTES
from esb.testing.route_test.cases import Mock
from esb.testing.route_test.instants import instant_of
from esb.testing.route_test.story_data import as_data
from esb.testing.route_test.telling import Telling
from esb.testing.route_test.watching import Passage

NOT_ACCEPTABLE = 65


def command(
    route: Annotated[str, typer.Argument(help="The route, by name or file.")],
    file: Annotated[str, typer.Option("--in", help="The file that comes in; - reads standard input.")],
    project: ProjectDir = Path(),
    trace: Annotated[bool, typer.Option("--trace", help="Show every step and what it changes.")] = False,
    mock: Annotated[
        list[str] | None, typer.Option(help="STEP=FILE.json or ENDPOINT=FILE.json: the answer to what it asks.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the real systems where no mock answers (GET only).")
    ] = False,
    at: Annotated[str, typer.Option(help="The time of intake, e.g. 2026-01-02T09:30:00Z.")] = "",
    json: AsJson = False,
) -> int:
    """Run a file through a route and show what would leave; exit 65 if a document does not pass."""
    instant = instant_of(at)
    raw, name = _content(file)
    bench = Bench.of(project)
    known = _known(bench, route)
    answers = _Live(bench, project) if live else _Advice()
    mocks = Mocks(_mocks(bench, known, mock or ()), _read, answers)
    try:
        arrival = Arrival(bench.content(known, raw), name=name, at=instant)
    except FormatError as error:
        raise FormatError(
            f"{name or 'the input'}: {error}; {known} has no endpoint, so it takes a JSON document"
        ) from error
    happened = run_async(_deliver(bench, known, arrival, mocks, answers))
    telling = Telling(happened, trace)
    if json:
        emit(as_data(happened))
    else:
        paint(list(telling.lines()))
        say(telling.sentence())
    return NOT_ACCEPTABLE if _refused(happened) else 0


async def _deliver(bench: Bench, route: str, arrival: Arrival, mocks: Mocks, answers: _Advice) -> Happened:
    try:
        return await bench.deliver(route, [arrival], mocks, Keys())
    finally:
        await answers.close()


def _refused(happened: Happened) -> bool:
    stopped = any(ran.failed is not None or ran.missing for ran in happened.ran)
    return stopped or bool(happened.bad)


def _content(file: str) -> tuple[bytes, str]:
    """Return what comes in and its name."""
    if file == "-":
        raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        raw = _read(file)
    if len(raw) > MOST_BYTES:
        raise UsageError(f"{file} is larger than {MOST_BYTES >> 20} MiB; try a part of it, or esb send takes it whole")
    return raw, "" if file == "-" else Path(file).name


def _read(file: str) -> bytes:
    try:
        with Path(file).open("rb") as content:
            return content.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def _known(bench: Bench, route: str) -> str:
    """Return the name of a route that was named as such or by its file."""
    routes = bench.project.routes
    name = Path(route).stem if route.endswith(".yaml") else route
    if name not in routes:
        advice = meant(name, routes) or f"there are {listed(sorted(routes))}"
        raise UsageError(f"there is no route {name!r}; {advice}")
    return name


def _mocks(bench: Bench, route: str, given: Sequence[str]) -> dict[str, Mock]:
    known = bench.outline.step_names(route) | set(bench.project.endpoints)
    mocks = {}
    for pair in given:
        name, found, file = pair.partition("=")
        if not found or not file:
            raise UsageError(f"--mock {pair!r} is not STEP=FILE.json")
        if name not in known:
            advice = meant(name, known) or f"there are {listed(sorted(known))}"
            raise UsageError(f"--mock {pair!r}: no step or endpoint is called {name!r}; {advice}")
        _read(file)
        mocks[name] = Mock(file=file)
    return mocks


class _Advice:
    """Has no answers, and says how to give one."""

    async def __call__(self, passage: Passage, ask: Ask) -> Any:
        step = passage.path.rpartition("/")[2]
        raise NoAnswer(
            f"step {passage.path} {question(ask)}, and nobody answers; "
            f"add --mock {step}=FILE.json, or --live to ask {ask.target} itself"
        )

    async def close(self) -> None:
        """Nothing is open."""


class _Live(_Advice):
    """Asks the endpoints of the project, as the bus would; only what changes nothing there."""

    def __init__(self, bench: Bench, project: Path) -> None:
        settings = settings_of(project, log_level="error")
        redactor = Redactor()
        log = open_log(settings, redactor)
        self._world = LiveWorld(SystemClock(), log, settings.project, settings.state_dir, redactor)
        self._endpoints = bench.project.endpoints
        self._sinks: dict[str, Sink] = {}

    async def __call__(self, passage: Passage, ask: Ask) -> Any:
        """Return the answer, or the failure that came instead."""
        if ask.kind != "http" or ask.request.get("method", "GET") != "GET":
            raise NoAnswer(f"step {passage.path} {question(ask)}; --live asks by GET only, so give it a --mock")
        sink: Any = self._sinks.get(ask.target)
        if sink is None:
            sink = self._sinks[ask.target] = self._endpoints[ask.target].sink(ask.target, self._world)
        try:
            return await sink.ask(ask.request)
        except Exception as error:  # a failure is an answer: the step decides what it means
            return error

    async def close(self) -> None:
        """Close the connections."""
        for sink in self._sinks.values():
            await sink.close()
