"""esb edi numbers and owed: what the store knows of trading. The other verbs need no store: it is imported late."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esb.cli.edi_options import counted
from esb.cli.options import AsJson, ProjectDir, StoreUrl, settings_of
from esb.cli.output import emit, say, table
from esb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esb.message import Scope
    from esb.records import Record
    from esb.trading import Counter


def numbers(
    text: Annotated[str, typer.Argument(help="Only lines that name this: a partner, x12, group …")] = "",
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    number: Annotated[int, typer.Option("--set", help="The next number of the one line that TEXT names.")] = 0,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is written into the history.")] = "",
    history: Annotated[bool, typer.Option("--history", help="Show who set them, when and why.")] = False,
    json: AsJson = False,
) -> None:
    """List the next control numbers by level and pair of parties, or set one; who did it and why is kept."""
    from esb.cli.run import run_async

    run_async(_numbers(project, store, text, number, reason, history, json))


async def _numbers(project: Path, store: str, text: str, number: int, reason: str, history: bool, json: bool) -> None:
    from esb.cli.desk import opened, person
    from esb.management.edi import numbers as listed
    from esb.management.edi import set_number
    from esb.management.edi.numbers import history_of
    from esb.runtime.clock import SystemClock

    async with opened(settings_of(project, store=store)) as open_:
        found = await listed(open_, text)
        if number:
            scope = _only(found, text)
            found = [await set_number(open_, SystemClock(), scope, number, person(), reason)]
        changes = {}
        if history:
            changes = {each.scope: await open_.history(history_of(each.scope)) for each in found}
    _show(found, changes, json)
    say(f"the next number of {_name(found[0].scope)} is {found[0].next}" if number else counted(len(found), "line"))


def _only(found: Sequence[Counter], text: str) -> Scope:
    if len(found) != 1:
        names = "; ".join(_name(each.scope) for each in found[:5])
        count = counted(len(found), "line")
        raise UsageError(f"{text!r} names {count}, and --set needs one{': ' if names else ''}{names}")
    return found[0].scope


def _name(scope: Scope) -> str:
    return " ".join(part for part in (scope.dialect, scope.level, scope.ours, scope.partner, scope.kind) if part)


def _show(found: Sequence[Counter], changes: dict[Scope, Sequence[Record]], json: bool) -> None:
    from esb.management.trace import clock_text

    if json:
        for each in found:
            scope = each.scope
            notes = [{"at": line.at, "text": line.text} for line in changes.get(scope, ())]
            emit(
                {
                    "dialect": scope.dialect,
                    "level": scope.level,
                    "ours": scope.ours,
                    "partner": scope.partner,
                    "kind": scope.kind or None,
                    "next": each.next,
                    "at": each.at,
                    **({"history": notes} if changes else {}),
                }
            )
        return
    rows = [
        (each.dialect, each.level, each.ours, each.partner, each.kind, one.next, clock_text(one.at))
        for one in found
        for each in (one.scope,)
    ]
    table(("dialect", "level", "ours", "partner", "type", "next", "last used"), rows)
    for scope, lines in changes.items():
        for line in lines:
            say(f"{_name(scope)}, {clock_text(line.at)}: {line.text}")


def owed(
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what should have come by now.")] = False,
    json: AsJson = False,
) -> int:
    """List the acknowledgments that partners owe us, the most urgent first; exit 1 if one is overdue."""
    from esb.cli.run import run_async

    return int(run_async(_owed(project, store, overdue, json)))


async def _owed(project: Path, store: str, overdue: bool, json: bool) -> bool:
    from esb.cli.desk import opened
    from esb.management.edi import owed as open_ones
    from esb.management.edi import waiting
    from esb.management.trace import clock_text
    from esb.runtime.clock import SystemClock

    async with opened(settings_of(project, store=store)) as open_:
        found = [one for one in await open_ones(open_, SystemClock().now()) if one.overdue or not overdue]
        batches = await waiting(open_)
    late = sum(one.overdue for one in found)
    if json:
        for one in found:
            emit(one)
        return bool(late)
    rows = [
        (one.partner, one.what, one.endpoint, one.message_id[:12], *map(clock_text, (one.sent, one.due)), one.overdue)
        for one in found
    ]
    rows = [(*row[:-1], "overdue" if row[-1] else "") for row in rows]
    table(("partner", "what", "sent by", "message", "sent", "due", ""), rows)
    for batch in batches:
        what = f"{counted(batch.count, 'document')} ({batch.kind})"
        say(f"{what} wait in a batch of {batch.endpoint} since {clock_text(batch.since)}")
    say(f"{counted(len(found), 'acknowledgment')} owed, {late} overdue")
    return bool(late)
