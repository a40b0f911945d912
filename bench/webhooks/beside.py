"""Intake alone, beside the bare handler: taken in turns, so that whatever else the machine does happens to both."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pika

from bench.machine import cpu_seconds
from bench.report import Report
from bench.webhooks.measure import CONNECTIONS, free_port, own_load, ready, serving
from esb.testing.postgres_cluster import PostgresCluster
from esb.testing.rabbitmq_node import RabbitNode

COUNT, ROUNDS = 4000, 5
QUICK_COUNT, QUICK_ROUNDS = 200, 1
_QUEUES = {"bare": "bare.orders", "esb": "esb.route.orders"}


@dataclass(frozen=True, slots=True)
class Taken:
    """One round of one contestant; times in seconds."""

    rate: float
    p50: float
    p99: float
    cpu: float
    fault: str


def run(quick: bool) -> Report:
    """Measure; the servers are private and durable (fsync on)."""
    return asyncio.run(beside(quick))


async def beside(quick: bool) -> Report:
    """Measure in turns; the medians of both, and their ratio."""
    count, rounds = (QUICK_COUNT, QUICK_ROUNDS) if quick else (COUNT, ROUNDS)
    found: dict[str, list[Taken]] = {"bare": [], "esb": []}
    with RabbitNode() as node, PostgresCluster() as cluster, tempfile.TemporaryDirectory(prefix="esb-bench-") as folder:
        for number in range(rounds):
            for name in ("bare", "esb") if number % 2 else ("esb", "bare"):
                where = Path(folder) / f"{name}-{number}"
                where.mkdir()
                running = _bare(node, where) if name == "bare" else _intake(node, cluster, where)
                async with running as (port, process):
                    taken = await _round(name, port, process, node, count)
                found[name].append(taken)
    return _report(found, count)


async def _round(name: str, port: int, pid: int, node: RabbitNode, count: int) -> Taken:
    await own_load(port, 64)  # both have their connections and their code warm
    _drained(node, _QUEUES[name])
    cpu = cpu_seconds(pid)
    told = await own_load(port, count, start=100)
    cpu = cpu_seconds(pid) - cpu
    accepted, there = len(told["accepted"]), _drained(node, _QUEUES[name])
    fault = "" if there == accepted == count else f"{accepted} of {count} got a 202, {there} are in the queue"
    return Taken(accepted / told["seconds"], told["p50"], told["p99"], cpu / count, fault)


@contextlib.asynccontextmanager
async def _bare(node: RabbitNode, folder: Path) -> AsyncIterator[tuple[int, int]]:
    port = free_port()
    line = ["-m", "bench.webhooks.bare", node.url, _QUEUES["bare"], str(port)]
    with (folder / "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(sys.executable, *line, stdout=log, stderr=log)
    try:
        await ready(port, child, folder / "log")
        yield port, child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        await child.wait()


@contextlib.asynccontextmanager
async def _intake(node: RabbitNode, cluster: PostgresCluster, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """Run the bus with its intake only: what it took stays in the route's queue, to be counted."""
    flags = ["--role", "intake", "--channel", node.url, "--store", cluster.create(f"b{folder.name.replace('-', '')}")]
    async with serving(folder, 1, flags) as (port, child):
        yield port, child.pid


def _drained(node: RabbitNode, queue: str) -> int:
    """Return how many messages are in a queue, and empty it."""
    connection = pika.BlockingConnection(pika.URLParameters(node.url))
    channel = connection.channel()
    counted = int(channel.queue_purge(queue).method.message_count)
    connection.close()
    return counted


def _report(found: dict[str, list[Taken]], count: int) -> Report:
    report = Report(
        "intake",
        f"webhooks, {count:,} POSTs over {CONNECTIONS} connections, in turns, {len(found['esb'])} rounds; medians",
        ["contestant", "202/s", "p50 ms", "p99 ms", "CPU µs each"],
    )
    middle: dict[str, dict[str, float]] = {}
    for name, rounds in found.items():
        at = {field: median(getattr(each, field) for each in rounds) for field in ("rate", "p50", "p99", "cpu")}
        middle[name] = at
        label = "Starlette, publish with confirm" if name == "bare" else "esb, intake (RabbitMQ + PostgreSQL)"
        milliseconds = [f"{at[field] * 1e3:.0f}" for field in ("p50", "p99")]
        report.rows.append([label, f"{at['rate']:,.0f}", *milliseconds, f"{at['cpu'] * 1e6:,.0f}"])
        report.faults.extend(f"{name}: {each.fault}" for each in rounds if each.fault)
    ratio = {field: middle["esb"][field] / middle["bare"][field] for field in ("rate", "p50", "p99", "cpu")}
    report.rows.append(["ratio", f"{ratio['rate']:.2f}", *(f"{ratio[f]:.2f}" for f in ("p50", "p99", "cpu"))])
    report.figures = {**middle, "ratio": ratio, "spread": {name: _spread(rounds) for name, rounds in found.items()}}
    report.notes.append(
        "The bare handler only publishes. The bus checks the body, reserves the sender's key, derives ids, publishes "
        "the message with its history, and marks the key: a request that comes again makes nothing new."
    )
    return report


def _spread(rounds: list[Taken]) -> dict[str, float]:
    rates = [each.rate for each in rounds]
    return {"least": min(rates), "most": max(rates)}
