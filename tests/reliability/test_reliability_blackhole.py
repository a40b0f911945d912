"""Two of three receivers go silent (a TCP proxy accepts and answers nothing): the third notices nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp
import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from esb.testing.endpoint_kit import serving
from esb.testing.openssh import OpenSsh
from esb.testing.tcp_proxy import TcpProxy

PROJECT = """\
defaults: { owner: test }
policies:
  soon:
    transient: { retry: { delays: [1s, 1s, 2s, 2s, 5s], give_up_after: 10m } }
    unknown: { retry: { delays: [1s, 1s, 2s, 2s, 5s], give_up_after: 10m } }
"""
HTTP = """\
type: http_out
url: http://127.0.0.1:{port}/{name}
timeout: {timeout}
retry: soon
concurrency: 4
effect: {{ idempotency_key: "{{{{ message.effect_key }}}}" }}
"""
ROUTE = "from: { endpoint: orders }\nsteps: [{ id: a, to: well }, { id: b, to: silent }, { id: c, to: silent-sftp }]\n"


class Receivers:
    """Two addresses: what came at each, and when it first came."""

    def __init__(self) -> None:
        self.came: dict[str, dict[str, float]] = {"well": {}, "silent": {}}
        self.attempts: Counter[tuple[str, str]] = Counter()

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{name}", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        name, number = request.path_params["name"], str((await request.json())["n"])
        self.attempts[name, number] += 1
        self.came[name].setdefault(number, time.monotonic())
        return Response(status_code=204)


def lay_out(bus: Any, sshd: OpenSsh, folder: str, ports: tuple[int, int, int], timeout: str) -> None:
    well, silent, sftp = ports
    outbox = sshd.endpoint(folder, port=sftp, name="{{ body.n }}.json", timeout=timeout, retry="soon", concurrency=4)
    outbox["auth"] = {"key": "secret://file/key"}
    bus.write(
        {
            "esb.yaml": PROJECT,
            "endpoints/orders.yaml": "type: http_in\nauth: none\n",
            "endpoints/well.yaml": HTTP.format(port=well, name="well", timeout="30s"),
            "endpoints/silent.yaml": HTTP.format(port=silent, name="silent", timeout=timeout),
            "endpoints/silent-sftp.yaml": yaml.safe_dump(outbox),
            "routes/orders.yaml": ROUTE,
            "secrets/key": sshd.client_key.read_text(),
        }
    )


async def post(url: str, numbers: range, every: float) -> dict[str, float]:
    """Post messages at an even pace, whatever becomes of them; return when each was posted."""
    posted, tasks = {}, []
    async with aiohttp.ClientSession() as session:

        async def one(number: int) -> None:
            posted[str(number)] = time.monotonic()
            async with session.post(f"{url}/in/orders", json={"n": number}) as answer:
                assert answer.status == 202

        for number in numbers:
            tasks.append(asyncio.create_task(one(number)))
            await asyncio.sleep(every)
        await asyncio.gather(*tasks)
    return posted


def spread(posted: dict[str, float], came: dict[str, float]) -> tuple[float, float]:
    """Return p50 and p99 in ms from posting to arrival."""
    cuts = quantiles([(came[number] - posted[number]) * 1000 for number in posted], n=100)
    return cuts[49], cuts[98]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("count", "timeout"), [pytest.param(120, "1s"), pytest.param(1500, "5s", marks=pytest.mark.soak)]
)
async def test_a_blackholed_endpoint_delays_no_other_and_gets_everything_when_it_is_back(
    bus: Any, sshd: OpenSsh, tmp_path: Path, count: int, timeout: str
) -> None:
    receivers, folder = Receivers(), sshd.folder / tmp_path.name
    folder.mkdir()
    one = bus()
    async with serving(receivers.app()) as port, TcpProxy(port) as http, TcpProxy(sshd.port) as sftp:
        lay_out(one, sshd, folder.name, (port, http.port, sftp.port), timeout)
        worker = await one.worker("worker")
        well, silent = receivers.came["well"], receivers.came["silent"]

        before = await post(worker.url, range(count), 0.02)
        await worker.until(lambda: len(well) == len(silent) == len(list(folder.glob("*.json"))) == count)
        http.stall()
        sftp.stall()
        during = await post(worker.url, range(count, 2 * count), 0.02)
        await worker.until(lambda: len(well) == 2 * count)
        stalled = len(silent), len(list(folder.glob("*.json")))
        flows, holes = spread(before, well), spread(during, well)
        http.flow()
        sftp.flow()
        await worker.until(lambda: len(silent) == len(list(folder.glob("*.json"))) == 2 * count, 150)

    for name, (p50, p99) in {"all answer": flows, "two are silent": holes}.items():
        print(f"{name}: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    print(f"ratio: p50 {holes[0] / flows[0]:.2f}, p99 {holes[1] / flows[1]:.2f}")
    assert stalled == (count, count)
    assert {number for name, number in receivers.attempts if name == "well"} == {str(n) for n in range(2 * count)}
    assert {times for (name, _), times in receivers.attempts.items() if name == "well"} == {1}
    assert "Traceback" not in worker.log()
