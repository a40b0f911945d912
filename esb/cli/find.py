"""esb find: where is order 10045, and who must act?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esb.cli.desk import opened
from esb.cli.options import AsJson, ProjectDir, StoreUrl, settings_of
from esb.cli.output import emit, say, table
from esb.cli.run import run_async
from esb.management.trace import Trace, clock_text, find
from esb.records import ParkedFilter
from esb.settings import Settings


def command(
    key: Annotated[str, typer.Argument(help="A business key (10045, or order=10045), a file name, or a message id.")],
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    json: AsJson = False,
    limit: Annotated[int, typer.Option(help="At most so many messages.", min=1)] = 20,
    partner: Annotated[str, typer.Option(help="Only messages of this partner.")] = "",
) -> int:
    """Find messages by what people know of them; one sentence each says where it is and who must act."""
    settings = settings_of(project, store=store)
    return int(run_async(_find(key, settings, json, limit, partner)))


async def _find(key: str, settings: Settings, json: bool, limit: int, partner: str) -> int:
    async with opened(settings) as open_:
        found = await find(open_, key, limit, partner)
        unread = [] if found else await open_.parked(ParkedFilter(failure_class="invalid", limit=1000))
    if json:
        for one in found:
            emit(as_data(one))
    else:
        rows = [(one.identity[:12], _first(one), one.sentence) for one in found]
        table(("message", "since", "where it is"), rows, "where it is")
        if not found:
            print(f"Nothing here{f' of {partner}' if partner else ''} is known as {key}.")
            nameless = [row for row in unread if row.place.startswith("intake/") and partner in ("", row.partner)]
            if nameless:
                several = "documents" if len(nameless) > 1 else "document"
                say(f"{len(nameless)} {several} that could not be read, and so bear no key, may hold it: esb dead list")
        elif len(found) == limit:
            say(f"the latest {limit}; --limit shows more")
    return 0 if found else 1


def _first(found: Trace) -> str:
    return clock_text(found.records[0].at) if found.records else ""


def as_data(found: Trace) -> dict[str, object]:
    """Return a trace as plain data for --json."""
    return {
        "id": found.identity,
        "sentence": found.sentence,
        "waits_on": found.waits_on,
        "destinations": [
            {"message": fate.message_id, "place": fate.place, "state": fate.state, "sentence": fate.sentence}
            for fate in found.fates
        ],
        "keys": sorted({f"{key.kind}={key.value}" for record in found.records for key in record.keys}),
        "records": [
            {
                "at": record.at, "kind": record.kind, "message": record.message_id, "route": record.route,
                "place": record.place, "attempt": record.attempt, "text": record.text, "child": record.child,
            }
            for record in found.records
        ],
    }  # fmt: skip
