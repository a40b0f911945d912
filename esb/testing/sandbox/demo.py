"""make demo: a working day against sandbox systems, then a check that nothing is missing and nothing came twice."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from esb.testing.private_server import free_port
from esb.testing.sandbox.erp import Erp
from esb.testing.sandbox.plant import TOKEN, Plant, serving
from esb.testing.sandbox.scenario import Day, Outcome, faults, feed, observe, settle, working_day

PROJECT = Path(__file__).parents[3]


async def main() -> int:
    """Play the day; 0 only if every document ended where it must, once."""
    console, started = Console(highlight=False), time.monotonic()

    def tell(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:5.1f} s[/]  {text}")

    folder = Path(tempfile.mkdtemp(prefix="esb-demo-"))
    erp, day, port = Erp(TOKEN), working_day(), free_port()
    async with serving(erp, port):
        plant = Plant(folder, port)
        plant.lay_out(PROJECT)
        await plant.start()
        tell(f"esb runs on {folder} with the embedded channel; {len(day.orders)} orders are about to come in")
        try:
            refused = await feed(plant, erp, day, tell)
            watcher = asyncio.create_task(_watch(erp, day, tell))
            seen = await settle(plant, erp, day)
            watcher.cancel()
        finally:
            await plant.stop()
        wrong = faults(day, seen)
        if refused != day.forged:
            wrong.append(f"forged webhooks: {refused} refused instead of {day.forged}")
        _show(console, day, await observe(plant, erp), erp)
    return _judge(console, wrong, folder, time.monotonic() - started)


async def _watch(erp: Erp, day: Day, tell: object) -> None:
    """Tell how far the ERP's orders are, every other second."""
    expected = len(day.numbers("erp"))
    while True:
        await asyncio.sleep(2)
        tell(f"{len(erp.effects)} of {expected} orders are in the ERP, which refused {erp.refused} calls while down")  # type: ignore[operator]


def _show(console: Console, day: Day, seen: Outcome, erp: Erp) -> None:
    """Print what came in and where each ended."""
    table = Table("came in as", "orders", "ERP", "3PL", "held", "exceptions", box=None, pad_edge=False)
    broken = set(day.broken)
    for name, orders in (
        ("X12 850 of ACME", [order for file in day.acme for order in file]),
        ("EDIFACT ORDERS of HANSA", day.hansa),
        ("webhooks of the shop", day.shop),
        ("CSV of the CRM", day.crm),
    ):
        numbers = {order.number for order in orders}
        named = [row["keys"].get("order") for row in seen.exceptions]
        bad = len(broken & numbers)
        table.add_row(
            name,
            str(len(orders)),
            str(len(numbers & set(seen.erp))),
            str(len(numbers & set(seen.third_party))),
            str(len(numbers & seen.held)),
            str(sum(number in numbers for number in named) + bad),
        )
    console.print()
    console.print(table)
    for name, buyer in seen.buyers.items():
        counts = Counter(one.set for one in buyer.got)
        told = " · ".join(f"{count} {kind}" for kind, count in sorted(counts.items()) if kind)
        console.print(f"\n{name.upper()} got {told}, numbered without a gap, and acknowledged them", end="")
    console.print(
        f"\n\n{len(seen.acknowledgments)} acknowledgments (997) wait for ACME · {len(seen.news)} subscribers' webhooks"
        f" · the ERP took {erp.posts} posts, recognised {erp.repeats} repetitions, refused {erp.refused} calls"
    )


def _judge(console: Console, wrong: list[str], folder: Path, seconds: float) -> int:
    if wrong:
        console.print(f"\n[bold red]The check failed[/] after {seconds:.0f} s:")
        for fault in wrong[:20]:
            console.print(f"  {fault}")
        console.print(f"The log: {folder / 'esb.log'}")
        return 1
    console.print(f"\n[bold green]Nothing is missing and nothing came twice[/] ({seconds:.0f} s). Look around:")
    for command in (
        f"esb dead list -C {folder}",
        f"esb find A00001 -C {folder}",
        f"esb trace S00003 -C {folder}",
        "esb show accept-order",
        "esb graph",
        "make run",
    ):
        console.print(f"  .venv/bin/{command}" if command.startswith("esb") else f"  {command}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
