"""esb doctor: is everything here that a run needs, and what to do where it is not."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import yaml

from esb.app import usable
from esb.app.checks import failures, look
from esb.app.logs import Redactor, open_log
from esb.app.standing import disabled, refused
from esb.app.world import LiveWorld
from esb.channels import open_channel
from esb.cli.desk import at_home
from esb.cli.options import AsJson, ChannelUrl, ProjectDir, StoreUrl, settings_of
from esb.cli.output import emit
from esb.cli.queue import reach
from esb.cli.run import run_async
from esb.errors import DefinitionError, EsbError
from esb.routes import compile_plan
from esb.runtime.clock import SystemClock
from esb.settings import Settings
from esb.specs.secrets import references_of
from esb.stores import open_store

Check = Callable[[Settings], Awaitable[str]]


class Attention(Exception):
    """Nothing is missing, but a person should look."""


def command(project: ProjectDir = Path(), channel: ChannelUrl = "", store: StoreUrl = "", json: AsJson = False) -> int:
    """Check Python, project, secrets, channel, store, endpoints, disk and clock; exit 1 if something is missing."""
    settings = settings_of(project, channel, store, log_level="error")
    return int(run_async(_doctor(settings, json)))


async def _doctor(settings: Settings, json: bool) -> int:
    failed = False
    for name, check in CHECKS.items():
        sign = "+"
        try:
            text = await check(settings)
        except Attention as warning:
            text, sign = str(warning), "!"
        except (EsbError, OSError) as error:
            text, sign = str(error), "-"
        failed = failed or sign == "-"
        if json:
            emit({"check": name, "ok": sign != "-", "warning": sign == "!", "text": text})
        else:
            print(f"[{sign}] {name}: {text}")
    return int(failed)


async def _python(settings: Settings) -> str:
    loader = "C" if yaml.__with_libyaml__ else "pure Python (slow: validation takes eight times as long)"
    return f"{sys.version.split()[0]}, YAML loader {loader}, system SQLite {sqlite3.sqlite_version}"


async def _project(settings: Settings) -> str:
    plan = compile_plan(usable(settings.project))
    found = (
        (len(plan.routes), "route", "routes"),
        (len(plan.intakes), "way in", "ways in"),
        (len(plan.deliveries), "way out", "ways out"),
    )
    return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in found)


async def _secrets(settings: Settings) -> str:
    project = usable(settings.project)
    world = LiveWorld(SystemClock(), open_log(settings, Redactor()), settings.project, settings.state_dir, Redactor())
    count, missing = 0, []
    for name, spec in project.endpoints.items():
        for reference in references_of(spec):
            try:
                world.secret(reference)
            except DefinitionError as error:
                missing.append(f"endpoints/{name}.yaml: {error}")
            count += 1
    if missing:
        raise DefinitionError("; ".join(missing))
    return f"{count} found"


async def _channel(settings: Settings) -> str:
    channel = open_channel(at_home(settings).channel_url)
    await reach(channel)
    try:
        await channel.declare(compile_plan(usable(settings.project)).topology)
        await channel.depth(["journal", "dead"])
    finally:
        await channel.close()
    return f"{settings.channel_url.split('@')[-1]} is reachable, and its queues are as declared"


async def _store(settings: Settings) -> str:
    store = open_store(at_home(settings).store_url)
    await store.open()
    await store.close()
    return f"{settings.store_url.split('@')[-1]} is reachable and up to date"


async def _endpoints(settings: Settings) -> str:
    project = usable(settings.project)
    world = LiveWorld(SystemClock(), open_log(settings, Redactor()), settings.project, settings.state_dir, Redactor())
    plan = compile_plan(project)
    used = sorted({*plan.intakes, *plan.deliveries})
    found = [one for name in used for one in await look(project, name, world)]
    if not all(one.ok for one in found):
        raise failures(found)
    return "; ".join(f"{one.endpoint} {one.text}" for one in found) or "there is none"


async def _left(settings: Settings) -> str:
    state = settings.state_dir
    found = [
        f"{name} is disabled ({said}); ask the receiver, then run `esb endpoint resume {name}`"
        for name, said in disabled(state).items()
    ]
    found += [
        f"{count} refused by {name}; look at {state / 'refused' / name}, mend and remove them"
        for name, count in refused(state).items()
    ]
    if found:
        raise Attention("; ".join(found))
    return "no endpoint is disabled, nothing was refused"


async def _disk(settings: Settings) -> str:
    usage = shutil.disk_usage(settings.state_dir if settings.state_dir.exists() else settings.project)
    free = usage.free / usage.total
    if usage.free < 500_000_000:
        raise OSError(f"only {usage.free // 10**6} MB are free at {settings.state_dir}; intake would have to stop soon")
    return f"{usage.free // 10**9} GB free ({free:.0%})"


async def _clock(settings: Settings) -> str:
    year = time.gmtime().tm_year
    if year < 2025:
        raise OSError(f"the clock says {year}; set it, or signatures and retries go wrong")
    return f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())}, zone {os.environ.get('TZ', time.tzname[0])}"


CHECKS: dict[str, Check] = {
    "python": _python,
    "project": _project,
    "secrets": _secrets,
    "store": _store,
    "channel": _channel,
    "endpoints": _endpoints,
    "left over": _left,
    "disk": _disk,
    "clock": _clock,
}
