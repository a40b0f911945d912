"""Live progress: one line at the foot of the terminal that says what came in, what was delivered and what waits."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Iterator

from rich.live import Live
from rich.text import Text

from esb.app.process import Process
from esb.cli.output import Console
from esb.settings import Settings

_EVERY = 0.25
_SHOWN = (
    ("in", ("received",)),
    ("delivered", ("delivered",)),
    ("ended by a rule", ("filtered", "duplicate")),
    ("retries", ("retry",)),
    ("held", ("held",)),
    ("exceptions", ("dead",)),
)


def wanted(settings: Settings) -> bool:
    """Return whether a person watches this process: a terminal, no chosen log, and the role that counts."""
    return (
        sys.stderr.isatty()
        and settings.log_format == "auto"
        and not settings.log_file
        and "recorder" in settings.roles
        and settings.workers == 1
    )


def line(totals: Counter[str], seconds: float, listening: str = "") -> str:
    """Return the counts of a run in one line; what has not happened is left out, but for the first two."""
    parts = [f"{seconds:.0f} s"] if not listening else [f"{seconds:.0f} s", listening]
    for number, (name, kinds) in enumerate(_SHOWN):
        count = sum(totals[kind] for kind in kinds)
        if count or number < 2:
            parts.append(f"{count} {name}")
    if totals["held"] or totals["dead"]:
        parts.append("who must act: esb dead list")
    return " · ".join(parts)


class Progress:
    """Redraws the line while a process runs; what is logged meanwhile scrolls by above it."""

    def __init__(self, live: Live) -> None:
        self._live, self._started = live, time.monotonic()
        self._process: Process | None = None

    async def watch(self, process: Process) -> None:
        """Redraw until cancelled."""
        self._process = process
        while True:
            self.draw()
            await asyncio.sleep(_EVERY)

    def draw(self) -> None:
        """Draw the line as it is now."""
        if self._process is not None:
            listener = self._process.listener
            where = f"http://{self._process.settings.address[0]}:{listener.port}" if listener else ""
            text = line(self._process.metrics.totals, time.monotonic() - self._started, where)
            self._live.update(Text(f"esb · {text}", style="bold", overflow="ellipsis", no_wrap=True), refresh=True)


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """Keep the foot of the terminal for the line; it stays there, with the last counts, when all is over."""
    with Live(console=Console(stderr=True), auto_refresh=False, redirect_stdout=False) as live:
        shown = Progress(live)
        try:
            yield shown
        finally:
            shown.draw()
