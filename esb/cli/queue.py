"""esb queue: how full the channels are."""

from __future__ import annotations

from pathlib import Path

import typer

from esb.app import usable
from esb.channels import RabbitChannel, open_channel
from esb.cli.options import AsJson, ChannelUrl, ProjectDir, settings_of
from esb.cli.output import emit, table
from esb.cli.run import run_async
from esb.ports import Channel
from esb.routes import compile_plan

PATIENCE = 3.0
"""Seconds that a command which only looks waits for a broker; `esb run` waits longer, for both may just be starting."""

app = typer.Typer(no_args_is_help=True, help="Channels: list.")


@app.command("list")
def list_(project: ProjectDir = Path(), channel: ChannelUrl = "", json: AsJson = False) -> None:
    """List every channel: ready, lent, waiting for a retry, and the age of the oldest."""
    run_async(_list(project, channel, json))


async def reach(channel: Channel) -> None:
    """Open a channel to look at it.

    Raises:
        ChannelError: It is out of reach.
    """
    if isinstance(channel, RabbitChannel):
        await channel.open(PATIENCE)
    else:
        await channel.open()


async def _list(project: Path, channel: str, json: bool) -> None:
    settings = settings_of(project, channel)
    plan = compile_plan(usable(settings.project))
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    open_ = open_channel(settings.channel_url)
    await reach(open_)
    try:
        await open_.declare(plan.topology)
        depths = await open_.depth([*(spec.name for spec in plan.topology.channels), "journal", "dead"])
    finally:
        await open_.close()
    if json:
        for name, depth in depths.items():
            state = {"ready": depth.ready, "lent": depth.lent, "delayed": depth.delayed, "oldest": depth.oldest}
            emit({"channel": name, **state})
        return
    rows = [
        (name, depth.ready, depth.lent, depth.delayed, f"{depth.oldest:.0f} s" if depth.oldest is not None else "")
        for name, depth in sorted(depths.items())
    ]
    table(("channel", "ready", "lent", "retry", "oldest"), rows)


@app.callback()
def _group() -> None:
    """Keep `list` a verb of its own."""
