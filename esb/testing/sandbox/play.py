"""make run: the project on sandbox systems, with a drop folder and a webhook address to play with."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from rich.console import Console

from esb.testing.private_server import free_port
from esb.testing.sandbox.documents import crm_csv, make, x12
from esb.testing.sandbox.erp import Erp
from esb.testing.sandbox.plant import SECRET, TOKEN, Plant, serving

PROJECT = Path(__file__).parents[3]


async def main() -> int:
    """Run until Ctrl-C; the state stays in var/play, so that the next run goes on with it."""
    console, stopped = Console(highlight=False), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    folder, erp, port = PROJECT / "var" / "play", Erp(TOKEN), free_port()
    async with serving(erp, port):
        plant = Plant(folder, port)
        plant.lay_out(PROJECT)
        samples = folder / "samples"
        samples.mkdir(exist_ok=True)
        (samples / "acme-850.edi").write_bytes(x12(make("A", 5, "C-ACME"), 1))
        (samples / "crm-orders.csv").write_bytes(crm_csv(make("T", 5, "C-0024")))
        await plant.start()
        _explain(console, plant, folder)
        with contextlib.suppress(asyncio.CancelledError):
            await _report(console, erp, stopped)
        console.print("stopping: what is under way is finished first")
        return await plant.stop()


def _explain(console: Console, plant: Plant, folder: Path) -> None:
    inbox = folder / "var/exchange"
    console.print("esb is running; Ctrl-C stops it.\n")
    console.print(f"  drop a file:   cp {folder}/samples/acme-850.edi {inbox}/acme/in/")
    console.print(f"                 cp {folder}/samples/crm-orders.csv {inbox}/crm/in/")
    console.print(f"  a webhook:     {plant.url}/in/shop   (signed with the secret {SECRET!r}; see docs/endpoints.md)")
    console.print(f"  metrics:       {plant.url}/metrics")
    console.print(f"  where is it:   .venv/bin/esb find A00001 -C {folder}")
    console.print(f"  what waits:    .venv/bin/esb dead list -C {folder}")
    console.print(f"  the log:       {folder}/esb.log\n")


async def _report(console: Console, erp: Erp, stopped: asyncio.Event) -> None:
    known = 0
    while not stopped.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopped.wait(), 1)
        if len(erp.orders) != known:
            known = len(erp.orders)
            console.print(f"the sandbox's ERP has {known} orders")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
