"""The runs: both backends, the exact load of our own generator, and wrk where it is installed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.report import Report
from bench.webhooks.measure import CONNECTIONS, Found, has_wrk, post
from esb.testing.postgres_cluster import PostgresCluster
from esb.testing.rabbitmq_node import RabbitNode

Flags = Callable[[], AbstractContextManager[list[str]]]

COUNT, QUICK_COUNT = 10_000, 300
WRK_SECONDS, QUICK_WRK_SECONDS = 10, 1


def run(quick: bool) -> Report:
    """Measure; the servers are private and durable (fsync on). A quick run is embedded only."""
    report = Report(
        "webhooks",
        f"POST over {CONNECTIONS} keep-alive connections, each 202 followed to its delivery by HTTP",
        ["bus", "load", "202s", "202/s", "p50 ms", "p99 ms", "until all delivered", "CPU µs each", "peak memory"],
    )
    for backend, flags in _backends(quick):
        for load, amount in _loads(quick):
            with tempfile.TemporaryDirectory(prefix="esb-bench-webhooks-") as folder, flags() as given:
                _add(report, asyncio.run(post(Path(folder), backend, given, load, amount)))
    report.notes.append(
        "own = exactly so many webhooks from the generator in bench/webhooks/load.py, every key followed; "
        "wrk = wrk for some seconds, where every 202 that it counted must have arrived. "
        "Generator, receiver and servers share the cores with the bus."
    )
    if not has_wrk():
        report.notes.append("wrk was left out: it is not installed (Debian: apt-get install wrk).")
    return report


@contextmanager
def _embedded() -> Iterator[list[str]]:
    yield []


@contextmanager
def _servers() -> Iterator[list[str]]:
    with RabbitNode() as node, PostgresCluster() as cluster:
        yield ["--channel", node.url, "--store", cluster.url]


def _backends(quick: bool) -> list[tuple[str, Flags]]:
    both: list[tuple[str, Flags]] = [("embedded + SQLite", _embedded), ("RabbitMQ + PostgreSQL", _servers)]
    return both[:1] if quick else both


def _loads(quick: bool) -> list[tuple[str, int]]:
    exact = ("own", QUICK_COUNT if quick else COUNT)
    return [exact, ("wrk", QUICK_WRK_SECONDS if quick else WRK_SECONDS)] if has_wrk() else [exact]


def _add(report: Report, found: Found) -> None:
    report.rows.append(
        [
            found.backend,
            found.load,
            f"{found.accepted:,}",
            f"{found.rate:,.0f}",
            f"{found.p50 * 1e3:.0f}",
            f"{found.p99 * 1e3:.0f}",
            f"{found.delivered_seconds:.1f} s",
            f"{found.cpu / found.accepted * 1e6:,.0f}",
            f"{found.peak / 1e6:.0f} MB",
        ]
    )
    report.figures[f"{found.backend}, {found.load}"] = {
        "accepted": found.accepted,
        "rate": found.rate,
        "p50": found.p50,
        "p99": found.p99,
        "cpu_us": found.cpu / found.accepted * 1e6,
    }
    report.faults.extend(f"{found.backend}, {found.load}: {fault}" for fault in found.faults)
