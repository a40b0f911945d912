"""esb dead: messages that wait for a person, and what the person decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from esb.cli.desk import desk, opened, person
from esb.cli.options import AsJson, ProjectDir, StoreUrl, settings_of
from esb.cli.output import emit, say, table
from esb.cli.run import run_async
from esb.errors import UsageError
from esb.management.exceptions import Decision, Desk, body_text
from esb.management.trace import clock_text
from esb.records import Parked, ParkedFilter

app = typer.Typer(no_args_is_help=True, help="Exceptions and holds: list, show, retry, release, discard, restore.")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids, or the beginning of one.")]
Group = Annotated[str, typer.Option("--group", help="All of one group (see `esb dead list --groups`).")]
Place = Annotated[str, typer.Option("--place", help="All that stopped or wait at this place.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is written into the history.")]
Sure = Annotated[bool, typer.Option("--yes", help="Do it; without it several are only counted.")]


@app.command("list")
def list_(
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    json: AsJson = False,
    state: Annotated[
        Literal["open", "retried", "released", "discarded", "all"], typer.Option(help="Which of them.")
    ] = "open",
    route: Annotated[str, typer.Option(help="Of this route.")] = "",
    place: Place = "",
    key: Annotated[str, typer.Option(help="With this business key.")] = "",
    groups: Annotated[bool, typer.Option("--groups", help="One line a cause.")] = False,
    limit: Annotated[int, typer.Option(min=1)] = 100,
) -> None:
    """List what waits for a person, oldest first."""
    where = ParkedFilter(
        state=None if state == "all" else state,
        place=place or None,
        route=route or None,
        key=key or None,
        limit=100_000 if groups else limit,
    )
    run_async(_list(settings_store(project, store), where, json, groups))


def settings_store(project: Path, store: str) -> tuple[Path, str]:
    """Return what names a store, as one value."""
    return project, store


async def _list(at: tuple[Path, str], where: ParkedFilter, json: bool, groups: bool) -> None:
    async with opened(settings_of(at[0], store=at[1])) as open_:
        rows = await open_.parked(where)
    if groups:
        _show_groups(rows, json)
    elif json:
        for row in rows:
            emit(_data(row))
    else:
        lines = [
            (row.id[:12], clock_text(row.at), row.failure_class or "hold", row.place, row.owner, _keys(row), row.reason)
            for row in rows
        ]
        table(("id", "since", "class", "place", "owner", "keys", "reason"), lines, "reason")
        say(f"{len(rows)} wait" if rows else "Nothing waits for a person.")


def _show_groups(rows: Sequence[Parked], json: bool) -> None:
    """Show one line a cause, the most frequent first; holds have no cause but their place."""
    counts = Counter((row.fingerprint, row.place) for row in rows)
    first = {(row.fingerprint, row.place): row for row in reversed(rows)}
    found = [(group, count, place, first[group, place].reason) for (group, place), count in counts.most_common()]
    if json:
        for group, count, place, reason in found:
            emit({"group": group, "messages": count, "place": place, "reason": reason})
    else:
        lines = [(line[0] or "(held)", *line[1:]) for line in found]
        table(("group", "messages", "place", "first of them"), lines, "first of them")


@app.command()
def show(
    identity: Annotated[str, typer.Argument(metavar="ID")],
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    json: AsJson = False,
) -> None:
    """Show one: the reason, the place, who must act, and its content."""
    run_async(_show(identity, project, store, json))


async def _show(identity: str, project: Path, store: str, json: bool) -> None:
    async with desk(project, store) as (open_, at):
        row = await at.find(identity)
        history = await open_.history(row.message_id)
    came = next((f"{line.place} as {line.text}" for line in history if line.kind == "received" and line.text), "")
    body = body_text(row.packet)
    if json:
        emit({**_data(row), "body": body})
        return
    kind = f"an exception ({row.failure_class})" if row.failure_class else "a hold"
    print(f"{row.id[:12]} is {kind}, {row.state}, since {clock_text(row.at)}")
    for name, value in (
        ("reason", row.reason), ("place", row.place), ("route", row.route), ("owner", row.owner), ("keys", _keys(row)),
        ("partner", row.partner), ("came in by", came), ("message", row.message_id), ("group", row.fingerprint),
        ("next", _next(row)),
    ):  # fmt: skip
        if value:
            print(f"  {name}: {value}")
    print(body)


def _next(row: Parked) -> str:
    """Return what a person can do about it now; nothing once it was decided."""
    name = row.id[:12]
    give_up = f"or give it up: esb dead discard {name} --reason WHY"
    if row.state != "open":
        return ""
    if not row.failure_class:
        return f"let it go on: esb dead release {name}; {give_up}"
    if row.place.startswith("intake/"):
        mend = f"the document that the route expects, as JSON: esb dead retry {name} --body FILE"
        return f"let the sender send it again and discard this one, or write {mend}"
    if row.origin.startswith("delivery/"):
        return f"mend it there, then: esb dead retry {name}; {give_up}"
    return f"mend the definition and start it again: esb dead retry {name}; the content: … --body FILE; {give_up}"


@app.command()
def retry(
    ids: Ids = None,
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    group: Group = "",
    place: Place = "",
    reason: Why = "",
    edit: Annotated[
        Path | None,
        typer.Option("--body", help="A file with the corrected content.", exists=True, dir_okay=False, readable=True),
    ] = None,
    as_then: Annotated[bool, typer.Option("--as-then", help="With the definitions it came in under.")] = False,
    yes: Sure = False,
    json: AsJson = False,
) -> int:
    """Start again where it failed, with today's definitions."""
    body = edit.read_bytes() if edit else None
    if body is not None and len(ids or ()) != 1:
        raise UsageError("--body goes with exactly one ID")
    decision = Decision(person(), reason, body, as_then)

    async def do(at: Desk, row: Parked) -> bool:
        return await at.retry(row, decision)

    return int(run_async(_each((project, store), _Choice(ids or [], group, place, yes, json), "retried", do)))


@app.command()
def release(
    ids: Ids = None,
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    place: Place = "",
    reason: Why = "",
    yes: Sure = False,
    json: AsJson = False,
) -> int:
    """Let held messages go on behind the step that held them."""
    decision = Decision(person(), reason)

    async def do(at: Desk, row: Parked) -> bool:
        return await at.release(row, decision)

    return int(run_async(_each((project, store), _Choice(ids or [], "", place, yes, json), "released", do)))


@app.command()
def discard(
    ids: Ids = None,
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    group: Group = "",
    place: Place = "",
    reason: Why = "",
    yes: Sure = False,
    json: AsJson = False,
) -> int:
    """Give messages up, for a reason; `restore` takes it back."""
    decision = Decision(person(), reason)

    async def do(at: Desk, row: Parked) -> bool:
        return await at.discard(row, decision)

    return int(run_async(_each((project, store), _Choice(ids or [], group, place, yes, json), "discarded", do)))


@app.command()
def restore(
    ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    reason: Why = "",
    json: AsJson = False,
) -> int:
    """Take a discard back."""
    decision = Decision(person(), reason)

    async def do(at: Desk, row: Parked) -> bool:
        return await at.restore(row, decision)

    return int(run_async(_each((project, store), _Choice(ids, "", "", True, json), "restored", do)))


class _Choice:
    """Which rows are meant (by id, by group of one cause, or by place), and how the outcome is told."""

    def __init__(self, ids: list[str], group: str, place: str, yes: bool, json: bool) -> None:
        self.ids, self.group, self.place, self.yes, self.json = ids, group, place, yes, json
        if not (ids or group or place):
            raise UsageError("say which: an ID, or --group, or --place (`esb dead list` shows them)")

    def matches(self, row: Parked) -> bool:
        return (not self.group or row.fingerprint == self.group) and (not self.place or row.place == self.place)

    def tell(self, row: Parked, done: bool, state: str) -> None:
        if self.json:
            emit({"id": row.id, "message": row.message_id, "done": done, "state": state if done else row.state})
        elif not done:
            say(f"{row.id[:12]} was decided before: it is {row.state}")


async def _each(at: tuple[Path, str], choice: _Choice, done: str, do: Callable[[Desk, Parked], Awaitable[bool]]) -> int:
    """Decide about every chosen row; several need --yes, so that the number is seen first."""
    async with desk(*at) as (store, table_):
        if choice.ids:
            rows = [await table_.find(identity) for identity in dict.fromkeys(choice.ids)]
        else:
            rows = [row for row in await store.parked(ParkedFilter(limit=100_000)) if choice.matches(row)]
        if len(rows) > 1 and not choice.yes:
            say(f"{len(rows)} messages would be {done}; repeat with --yes")
            return 1
        count = 0
        for row in rows:
            decided = await do(table_, row)
            count += decided
            choice.tell(row if decided else await table_.find(row.id), decided, done)
    goes_on = "; a running esb carries them on" if done in ("retried", "released") else ""
    say(f"{count} {done}{goes_on}" if count else f"none {done}")
    return 0 if count == len(rows) and rows else 1


def _keys(row: Parked) -> str:
    return " ".join(f"{key.kind}={key.value}" for key in row.keys)


def _data(row: Parked) -> dict[str, object]:
    return {
        "id": row.id, "state": row.state, "since": row.at, "class": row.failure_class or "hold", "place": row.place,
        "route": row.route, "owner": row.owner, "reason": row.reason, "message": row.message_id,
        "group": row.fingerprint,
        "partner": row.partner, "keys": {key.kind: key.value for key in row.keys}, "origin": row.origin,
    }  # fmt: skip
