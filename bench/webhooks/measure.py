"""One run: a fresh bus, a receiver, a load, and a wait until every 202 has reached the receiver, once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import cpu_seconds, peak_bytes
from bench.webhooks.receiver import Receiver

CONNECTIONS = 64
_LUA = Path(__file__).with_name("wrk.lua")
_PATIENCE = 120.0
_FILES = {
    "esb.yaml": "defaults: { owner: bench }\n",
    "endpoints/shop.yaml": "type: http_in\nauth: none\nformat: json\n",
    "routes/orders.yaml": """\
description: The shop's webhooks become orders of the ERP
from: { endpoint: shop }
key: { order: $.number }
steps:
  - transform: order
  - to: erp
""",
    "transforms/order.yaml": """\
type: mapping
description: A shop's order becomes an order
set:
  number: $.order.id
  currency: $.order.currency
  customer: $.order.customer_code
  ship_to: $.order.ship_to
  lines:
    each: $.order.items
    set: { sku: $.sku, quantity: { value: $.qty, as: integer }, price: $.unit_price }
""",
}
_ERP = "type: http_out\nurl: http://127.0.0.1:{port}/orders\ntimeout: 10s\nconcurrency: 64\n" + (
    'effect: {{ idempotency_key: "{{{{ message.effect_key }}}}" }}\n'
)


@dataclass(frozen=True, slots=True)
class Found:
    """What one run took; times in seconds. `delivered_seconds` = from the first post to the last delivery."""

    load: str
    backend: str
    accepted: int
    seconds: float
    p50: float
    p99: float
    delivered_seconds: float
    cpu: float
    peak: int
    faults: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Return answers of 202 a second."""
        return self.accepted / self.seconds


async def post(folder: Path, backend: str, flags: list[str], load: str, amount: int) -> Found:
    """Post `amount` webhooks (`load` = own) or post for `amount` seconds (`load` = wrk) to a fresh bus."""
    async with Receiver() as erp, serving(folder, erp.port, flags) as (port, child):
        cpu, started = cpu_seconds(child.pid), time.perf_counter()
        told = await (own_load(port, amount) if load == "own" else _wrk(port, amount))
        accepted = told["accepted"]
        await _until(erp, accepted)
        seconds = time.perf_counter() - started
        peak, cpu = peak_bytes(child.pid), cpu_seconds(child.pid) - cpu
        faults = _faults(erp, accepted, told["others"])
    count = accepted if isinstance(accepted, int) else len(accepted)
    return Found(load, backend, count, told["seconds"], told["p50"], told["p99"], seconds, cpu, peak, tuple(faults))


@contextlib.asynccontextmanager
async def serving(folder: Path, erp: int, flags: list[str]) -> AsyncIterator[tuple[int, Any]]:
    """Run the bus as a process of its own; give its port and the process, and stop it in the end."""
    for name, text in {**_FILES, "endpoints/erp.yaml": _ERP.format(port=erp)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    port = free_port()
    line = ["-m", "esb", "run", "-C", str(folder), "--listen", f"127.0.0.1:{port}", "--log-format", "json", *flags]
    with (folder / "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(sys.executable, *line, stdout=log, stderr=log)
    try:
        await ready(port, child, folder / "log")
        yield port, child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
            await child.wait()


async def ready(port: int, child: Any, log: Path) -> None:
    """Return when a server answers /readyz. Raises RuntimeError with its log."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.returncode is None:
        with contextlib.suppress(OSError, urllib.error.URLError):
            await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/readyz", None, 5)
            return
        await asyncio.sleep(0.05)
    raise RuntimeError(f"esb is not ready:\n{log.read_text()[-3000:]}")


async def own_load(port: int, count: int, start: int = 1) -> dict[str, Any]:
    """Post so many orders, the first with the number `start`; return what was told, with p50 and p99 in seconds."""
    line = ["bench.webhooks.load", str(port), "/in/shop", str(count), str(CONNECTIONS), str(start)]
    told = await _output(sys.executable, "-m", *line)
    latencies = told.pop("latencies")
    return {**told, "p50": latencies[len(latencies) // 2], "p99": latencies[int(len(latencies) * 0.99)]}


async def _wrk(port: int, seconds: int) -> dict[str, Any]:
    flags = ["--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", "--timeout", "30s"]
    return await _output("wrk", *flags, "--script", str(_LUA), f"http://127.0.0.1:{port}/in/shop")


async def _output(*command: str) -> dict[str, Any]:
    """Return the last line of what a command prints, read as JSON."""
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{command[0]} failed: {err.decode()[-2000:]}")
    found: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
    return found


async def _until(erp: Receiver, accepted: int | list[int]) -> None:
    """Wait until as many orders have arrived as were accepted, as long as any still arrive."""
    wanted = accepted if isinstance(accepted, int) else len(accepted)
    seen, since = len(erp.orders), time.monotonic()
    while seen < wanted and time.monotonic() - since < _PATIENCE:
        await asyncio.sleep(0.02)
        if len(erp.orders) != seen:
            seen, since = len(erp.orders), time.monotonic()


def _faults(erp: Receiver, accepted: int | list[int], others: Any) -> list[str]:
    """Return what is wrong: a 202 that did not arrive, an order that had its effect twice, another answer than 202.

    wrk only counts, and what it cuts at the end may have been accepted: there, at least as many must arrive.
    """
    faults = [f"answers other than 202: {others}"] if others else []
    if isinstance(accepted, int):
        if len(erp.orders) < accepted:
            faults.append(f"{accepted - len(erp.orders)} of {accepted} accepted webhooks did not arrive")
    elif lost := set(accepted) - set(erp.orders):
        faults.append(f"{len(lost)} accepted webhooks did not arrive, for example {sorted(lost)[:3]}")
    if twice := [number for number, times in erp.orders.items() if times > 1]:
        faults.append(f"{len(twice)} orders had their effect twice, for example {twice[:3]}")
    return faults


def has_wrk() -> bool:
    """Return whether wrk is installed."""
    return shutil.which("wrk") is not None


def free_port() -> int:
    """Return a port that nobody listens on right now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
