"""esb endpoint: what there is to reach partners and systems, whether it works, and stopping it for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
import yaml
from pydantic import BaseModel

from esb.app import usable
from esb.app.checks import Looked, look, used_sides
from esb.app.logs import Redactor, open_log
from esb.app.standing import breakers, disabled, enable, refused
from esb.app.world import LiveWorld
from esb.cli.desk import opened, person
from esb.cli.options import AsJson, ProjectDir, StoreUrl, settings_of
from esb.cli.output import emit, say, table
from esb.cli.run import run_async
from esb.errors import UsageError
from esb.expressions.values import Expression
from esb.management.pauses import Pause, pauses
from esb.management.pauses import pause as stop
from esb.management.pauses import resume as start
from esb.management.trace import clock_text
from esb.routes import Project
from esb.routes.graph import Thing, graph_of
from esb.routes.nearest import listed, meant
from esb.runtime.clock import SystemClock
from esb.settings import Settings
from esb.specs import SecretRef

app = typer.Typer(no_args_is_help=True, help="Endpoints: list, show, check, pause, resume.")

_STANDING: Final = ("paused", "disabled", "refused", "breaker")

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Names, or globs: erp-*; default: all.")]
Chosen = Annotated[list[str], typer.Argument(metavar="NAME...", help="Names, or globs: erp-*")]
Why = Annotated[str, typer.Option("--reason", help="Why; whoever meets the pause reads it.")]


@app.command("list")
def list_(names: Names = None, project: ProjectDir = Path(), store: StoreUrl = "", json: AsJson = False) -> None:
    """List the endpoints: type, direction, partner, which routes they feed or serve, and how they stand."""
    settings = settings_of(project, store=store)
    found = usable(settings.project)
    standing = run_async(_standing(settings))
    rows = [_row(found, name, standing) for name in _chosen(found, names)]
    if json:
        for row in rows:
            emit(row)
        return
    shown = [
        (row["endpoint"], row["type"], row["direction"], row["partner"],
         ", ".join(dict.fromkeys(row["feeds"] + row["serves"])), "; ".join(_troubles(row)))
        for row in rows
    ]  # fmt: skip
    table(("endpoint", "type", "direction", "partner", "routes", "state"), shown)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The endpoint.")],
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    json: AsJson = False,
) -> None:
    """Show one: every key with its value or default, what it feeds and serves, and how it stands."""
    settings = settings_of(project, store=store)
    found = usable(settings.project)
    (known,) = _chosen(found, [name])
    row = _row(found, known, run_async(_standing(settings)))
    row["definition"] = _plain(found.endpoints[known])
    if json:
        emit(row)
        return
    for trouble in _troubles(row):
        say(trouble)
    for key in _STANDING:
        row.pop(key)
    print(yaml.safe_dump(_plain(row), sort_keys=False, allow_unicode=True, width=110), end="")


@app.command()
def check(names: Names = None, project: ProjectDir = Path(), json: AsJson = False) -> int:
    """Connect, sign in, list, write and delete a probe where that is allowed; exit 1 if something is wrong."""
    settings = settings_of(project, log_level="error")
    found = usable(settings.project)
    return int(run_async(_check(settings, found, _chosen(found, names), json)))


async def _check(settings: Settings, project: Project, names: Iterable[str], json: bool) -> bool:
    redactor = Redactor()
    log = open_log(settings, redactor)
    world = LiveWorld(SystemClock(), log, settings.project, settings.state_dir, redactor)
    failed = False
    for name in names:
        for one in await look(project, name, world):
            failed = failed or not one.ok
            _tell(one, json)
    return failed


def _tell(one: Looked, json: bool) -> None:
    if json:
        emit({"endpoint": one.endpoint, "side": one.side, "ok": one.ok, "text": one.text})
    else:
        print(f"[{'+' if one.ok else '-'}] {one.endpoint} ({one.side}): {one.text}")


@app.command()
def pause(
    names: Chosen, project: ProjectDir = Path(), store: StoreUrl = "", reason: Why = "", json: AsJson = False
) -> None:
    """Stop endpoints: nothing is taken, nothing is sent, and what waits for them waits; running processes obey."""
    settings = settings_of(project, store=store)
    run_async(_pause(settings, _chosen(usable(settings.project), names), reason, json))


async def _pause(settings: Settings, names: Iterable[str], reason: str, json: bool) -> None:
    async with opened(settings) as store:
        for name in names:
            made = await stop(store, SystemClock(), name, person(), reason)
            if json:
                emit({"endpoint": name, "paused": _pause_data(made)})
            else:
                say(f"{name} is paused since {clock_text(made.since)}, {made.text}")


@app.command()
def resume(
    names: Chosen, project: ProjectDir = Path(), store: StoreUrl = "", reason: Why = "", json: AsJson = False
) -> None:
    """Let endpoints go on that are paused, or disabled by their receiver; what has waited is taken and sent."""
    settings = settings_of(project, store=store)
    run_async(_resume(settings, _chosen(usable(settings.project), names), reason, json))


async def _resume(settings: Settings, names: Iterable[str], reason: str, json: bool) -> None:
    async with opened(settings) as store:
        for name in names:
            enabled = enable(settings.state_dir, name)
            was = await start(store, SystemClock(), name, person(), reason)
            if json:
                emit({"endpoint": name, "paused": None, "was_paused": was, "was_disabled": enabled})
            else:
                say(f"{name} goes on" if was or enabled else f"{name} was not paused")


class _Standing(NamedTuple):
    """How the endpoints stand, by name."""

    paused: Mapping[str, Pause]
    disabled: Mapping[str, str]
    refused: Mapping[str, int]
    breakers: Mapping[str, bool]


async def _standing(settings: Settings) -> _Standing:
    async with opened(settings) as store:
        paused = await pauses(store)
    known = await asyncio.to_thread(breakers, settings)
    return _Standing(paused, disabled(settings.state_dir), refused(settings.state_dir), known)


def _troubles(row: Mapping[str, Any]) -> list[str]:
    """Return what is out of the ordinary about an endpoint, in words."""
    paused, told = row["paused"], []
    if paused:
        told.append(f"paused since {clock_text(paused['since'])}, {paused['reason']}")
    if row["disabled"]:
        told.append(f"disabled: {row['disabled']}")
    if row["breaker"] == "open":
        told.append("the circuit breaker is open: calls fail, and one from time to time probes")
    if row["refused"]:
        told.append(f"{row['refused']} refused, see refused/{row['endpoint']}/ in the state folder")
    return told


def _chosen(project: Project, names: list[str] | None) -> list[str]:
    """Return the endpoints that names and globs mean.

    Raises:
        UsageError: One of them means none.
    """
    if not names:
        return sorted(project.endpoints)
    found: dict[str, None] = {}
    for given in names:
        matching = [name for name in sorted(project.endpoints) if fnmatchcase(name, given)]
        if not matching:
            advice = meant(given, project.endpoints) or f"there are {listed(sorted(project.endpoints))}"
            raise UsageError(f"there is no endpoint {given!r}; {advice}")
        found.update(dict.fromkeys(matching))
    return list(found)


def _row(project: Project, name: str, standing: _Standing) -> dict[str, Any]:
    spec, edges = project.endpoints[name], graph_of(project).edges
    here = Thing("endpoint", name)
    feeds = sorted({edge.target.name for edge in edges if edge.source == here and edge.target.kind == "route"})
    serves = sorted({edge.source.name for edge in edges if edge.target == here and edge.source.kind == "route"})
    return {
        "endpoint": name,
        "type": spec.type,
        "direction": "+".join(used_sides(project, name)),
        "partner": spec.partner,
        "description": spec.description,
        "feeds": feeds,
        "serves": serves,
        "paused": _pause_data(standing.paused.get(name)),
        "disabled": standing.disabled.get(name),
        "refused": standing.refused.get(name, 0),
        "breaker": {True: "open", False: "closed"}.get(standing.breakers.get(name)),  # type: ignore[arg-type]
    }


def _pause_data(paused: Pause | None) -> dict[str, Any] | None:
    return {"since": paused.since, "reason": paused.text} if paused is not None else None


def _plain(value: Any) -> Any:
    """Return a definition as plain data; a secret is named and never shown."""
    if isinstance(value, SecretRef):
        return value.source
    if isinstance(value, Expression):
        return _plain(value.source)
    if isinstance(value, BaseModel):
        held = {name: getattr(value, name) for name in type(value).model_fields}
        return {name: _plain(item) for name, item in held.items() if item is not None}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
