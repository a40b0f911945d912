"""Rounds of contestants in random order on one private RabbitMQ node; ratios of medians within the run."""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import busiest
from bench.relay import node_client, project, queues
from bench.report import Report
from esb.app import usable
from esb.plan import Plan
from esb.routes import compile_plan
from esb.testing.rabbitmq_node import RabbitNode

BARE = "bare pika relay"
NODE = "Node amqplib relay"
OURS = "esb route"
WIDE = "esb route, prefetch 800"
EMBEDDED = "esb route, embedded channel"
GOAL = 0.5
_LIMIT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    messages: int
    rounds: int


FULL, QUICK = Size(10_000, 7), Size(400, 1)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a round needs: the node, the project, the messages, and where Node's package is (nowhere = no Node)."""

    node: RabbitNode
    folder: Path
    plan: Plan
    messages: int
    packages: Path | None

    def contestants(self) -> list[str]:
        """Return who takes part."""
        return [BARE, OURS, WIDE, EMBEDDED, *([NODE] if self.packages else [])]

    def round(self, name: str, profile: bool = False) -> dict[str, Any]:
        """Fill the queue, let one contestant empty it, and check that all came out."""
        sends = list(project.messages(self.messages, self.plan.release))
        if name == EMBEDDED:
            return self._embedded(sends)
        asyncio.run(queues.fill(self.node.url, self.plan.topology, sends))
        found = self._run(name, profile)
        return self._checked(found, queues.empty(self.node.url))

    def _embedded(self, sends: Sequence[Any]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="esb-bench-embedded-") as name:
            url = f"embedded:{Path(name) / 'channel.db'}"
            asyncio.run(queues.fill(url, self.plan.topology, sends))
            found = _output([*_ours(), str(self.folder), url, str(self.messages), "200", "0"])
            return self._checked(found, asyncio.run(queues.embedded_depth(url)))

    def _run(self, name: str, profile: bool) -> dict[str, Any]:
        server, url = str(busiest(self.node.pid)), self.node.url
        relay = [url, queues.QUEUE, queues.EXCHANGE, project.SINKS[0], str(self.messages), server]
        if name == BARE:
            return _output([sys.executable, "-m", "bench.relay.bare_pika", *relay])
        if name == NODE:
            assert self.packages is not None
            return _output([*node_client.command(), *relay], node_client.environment(self.packages))
        prefetch = "800" if name == WIDE else "200"
        more = ["profile"] if profile else []
        return _output([*_ours(), str(self.folder), url, str(self.messages), prefetch, server, *more])

    def _checked(self, found: dict[str, Any], counted: queues.Counted) -> dict[str, Any]:
        """Add what is wrong: a message that was left, lost or doubled, or that did not pass its route."""
        wrong = []
        if (counted.left, counted.out) != (0, self.messages):
            wrong.append(f"{counted.left} left and {counted.out} came out of {self.messages}")
        if found.get("unusual"):
            wrong.append(f"{found['unusual']} messages were retried or dead-lettered")
        return {**found, "faults": wrong}


def run(quick: bool) -> Report:
    """Measure; needs RabbitMQ, and Node for one of the contestants."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="esb-bench-relay-") as name, RabbitNode() as node:
        folder, packages = Path(name) / "project", Path(name) / "node"
        project.lay_out(folder)
        missing = "Node's amqplib is left out of a quick run." if quick else node_client.install(packages)
        plan = compile_plan(usable(folder))
        bench = Bench(node, folder, plan, size.messages, None if missing else packages)
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        order = random.Random(1)
        for _ in range(size.rounds):
            names = bench.contestants()
            order.shuffle(names)
            for one in names:
                found[one].append(bench.round(one))
        profile = bench.round(OURS, profile=True)
        return _report(size, found, profile, missing)


def _report(size: Size, found: dict[str, list[dict[str, Any]]], profile: dict[str, Any], missing: str) -> Report:
    rates = {name: [size.messages / one["seconds"] for one in rounds] for name, rounds in found.items()}
    bare = statistics.median(rates[BARE])
    report = Report(
        "relay",
        f"{size.messages} orders of {project.size()} bytes, {size.rounds} rounds in random order, quorum queues",
        ["contestant", "messages/s (lowest to highest)", "of bare pika", "client µs", "broker µs"],
    )
    for name in (BARE, NODE, OURS, WIDE, EMBEDDED):
        if name not in found:
            continue
        rate = statistics.median(rates[name])
        client, broker = (_per_message(found[name], of, size.messages) for of in ("cpu", "broker_cpu"))
        shown = "" if name == EMBEDDED else f"{broker:.0f}"
        report.rows.append(
            [name, f"{rate:,.0f} ({min(rates[name]):,.0f} to {max(rates[name]):,.0f})", f"{rate / bare:.2f}",
             f"{client:.0f}", shown]
        )  # fmt: skip
        report.figures[name] = {"rate": rate, "ratio": rate / bare, "client_us": client, "broker_us": broker}
        report.faults.extend(f"{name}: {fault}" for one in found[name] for fault in one["faults"])
    _remark(report, profile, missing)
    return report


def _remark(report: Report, profile: dict[str, Any], missing: str) -> None:
    """Say how the goal is met, and where our time goes."""
    ours = report.figures[OURS]
    reached = "reached" if ours["ratio"] >= GOAL else "missed"
    report.notes.append(f"Goal: at least {GOAL} of the bare pika relay; {reached} with {ours['ratio']:.2f}.")
    if NODE in report.figures:
        ratio = ours["rate"] / report.figures[NODE]["rate"]
        report.notes.append(f"Against Node's amqplib, which has no route: {ratio:.2f}.")
    if missing:
        report.notes.append(missing)
    shares = ", ".join(f"{room} {share:.0%}" for room, share in profile["shares"].items() if share >= 0.01)
    report.notes.append(f"Where the route's own processor time goes (sampled in one more run): {shares}.")
    report.figures["shares"] = profile["shares"]


def _per_message(rounds: Sequence[dict[str, Any]], of: str, messages: int) -> float:
    """Return the median of microseconds a message."""
    return float(statistics.median(one[of] for one in rounds) / messages * 1e6)


def _ours() -> list[str]:
    return [sys.executable, "-m", "bench.relay.router"]


def _output(command: list[str], more: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the line of JSON that a contestant prints.

    Raises:
        RuntimeError: It failed; says with what.
    """
    done = subprocess.run(
        command, env={**os.environ, **(more or {})}, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} {command[-1]} failed: {done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
