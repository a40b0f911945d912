"""esb trace: everything that happened to one message, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esb.cli.desk import opened
from esb.cli.find import as_data
from esb.cli.options import AsJson, ProjectDir, StoreUrl, settings_of
from esb.cli.output import emit, table
from esb.cli.run import run_async
from esb.management.trace import clock_text, one


def command(
    identity: Annotated[str, typer.Argument(metavar="ID", help="A message id, its beginning, or what find knows.")],
    project: ProjectDir = Path(),
    store: StoreUrl = "",
    json: AsJson = False,
) -> None:
    """Tell a message's whole story: each record, each destination, and one sentence to say."""
    run_async(_trace(identity, project, store, json))


async def _trace(identity: str, project: Path, store: str, json: bool) -> None:
    async with opened(settings_of(project, store=store)) as open_:
        found = await one(open_, identity)
    if json:
        emit(as_data(found))
        return
    print(found.sentence)
    for fate in found.fates:
        print(f"  {fate.place}: {fate.sentence}")
    rows = [
        (clock_text(record.at), record.kind, record.place or record.route, record.text, record.message_id[:12])
        for record in found.records
    ]
    table(("time", "what", "where", "said", "message"), rows, "said")
