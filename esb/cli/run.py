"""esb run: carry messages; everything in one process, or one role of many."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import uvloop

from esb.app import usable
from esb.app.process import Process, serve
from esb.cli.options import AsJson, ChannelUrl, ProjectDir, StoreUrl, settings_of
from esb.cli.output import emit
from esb.cli.progress import progress, wanted
from esb.runtime.clock import SystemClock
from esb.runtime.supervisor import Supervisor
from esb.settings import ROLES, Settings


def command(
    project: ProjectDir = Path(),
    channel: ChannelUrl = "",
    store: StoreUrl = "",
    role: Annotated[str, typer.Option(help=f"Roles, comma separated: {', '.join(ROLES)}. Default: all.")] = "",
    endpoints: Annotated[
        str, typer.Option(help="Only these endpoints, comma separated: erp-*, or !erp-* for all but these.")
    ] = "",
    workers: Annotated[int | None, typer.Option(help="Worker processes.", min=1, max=256)] = None,
    once: Annotated[bool, typer.Option("--once", help="Process what is there, then exit.")] = False,
    listen: Annotated[str, typer.Option(help="host:port of the HTTP listener.")] = "",
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None, typer.Option(help="What is logged; default: info.")
    ] = None,
    log_format: Annotated[
        Literal["auto", "json", "console"] | None, typer.Option(help="How; auto = for people on a terminal, else JSON.")
    ] = None,
    log_file: Annotated[str, typer.Option(help="A file that is rotated by size; default: stderr.")] = "",
    json: AsJson = False,
) -> int:
    """Carry messages: by default everything in one process, with the embedded channel and store.

    On a terminal a line at its foot counts; with --json the counts are printed when the run ends.
    """
    settings = settings_of(
        project, channel, store, roles=role, endpoints=endpoints, workers=workers, listen=listen,
        log_level=log_level, log_format=log_format, log_file=log_file,
    )  # fmt: skip
    if settings.workers > 1 and not once:
        return int(uvloop.run(_supervise(settings)))
    totals = uvloop.run(_watched(settings, once) if wanted(settings) else _serve(Process(settings), once))
    if json:
        emit(dict(sorted(totals.items())))
    return 0


async def _serve(process: Process, once: bool) -> Counter[str]:
    """Run a process to its end; return how many records of each kind it wrote."""
    _on_stop(process.stop)
    await serve(process, once)
    return process.metrics.totals


async def _watched(settings: Settings, once: bool) -> Counter[str]:
    """Run a process under the eyes of a person: a line that counts, and above it only what needs attention."""
    with progress() as shown:
        quiet = settings.log_level if settings.log_level != "info" else "warning"
        process = Process(replace(settings, log_level=quiet, log_format="console"))
        drawing = asyncio.create_task(shown.watch(process))
        try:
            return await _serve(process, once)
        finally:
            drawing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await drawing


async def _supervise(settings: Settings) -> int:
    """Start one process with every role that was asked for, and the rest with those that may be many."""
    usable(settings.project)
    process = Process(settings)
    many = [role for role in settings.roles if role != "intake"]
    roles = [settings.roles, *[tuple(many)] * (settings.workers - 1)]
    lines = [_line(settings, each, number) for number, each in enumerate(roles, 1)]
    addresses = {"ESB_CHANNEL": settings.channel, "ESB_STORE": settings.store}
    supervisor = Supervisor(lines, addresses, SystemClock(), process.log, settings.drain)
    _on_stop(supervisor.stop)
    return await supervisor.run()


def _line(settings: Settings, roles: tuple[str, ...], number: int) -> list[str]:
    file = Path(settings.log_file)
    flags = {
        "-C": str(settings.project),
        "--role": ",".join(roles),
        "--endpoints": ",".join(settings.endpoints),
        "--workers": "1",
        # One listens; to the others the default says so, whatever the environment or esb.yaml would have them do.
        "--listen": settings.listen if "intake" in roles else Settings().listen,
        "--log-level": settings.log_level,
        # Several processes cannot share the foot of one terminal.
        "--log-format": "console" if settings.log_format == "auto" and sys.stderr.isatty() else settings.log_format,
        # two processes that rotate one file would throw each other's lines away
        "--log-file": str(file.with_stem(f"{file.stem}-{number}")) if settings.log_file else "",
    }
    return ["run", *(word for flag, value in flags.items() if value for word in (flag, value))]


def _on_stop(stop: Any) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def run_async(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a short command's work to its end."""
    return asyncio.run(work) if sys.platform == "win32" else uvloop.run(work)
