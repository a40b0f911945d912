"""A bookmark survives, moves with one poller of one machine at a time, and is never taken for something else."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from esb.endpoints import turn
from esb.endpoints.bookmark import Bookmark
from esb.endpoints.http_poll import HttpPoll
from esb.endpoints.turn import Turn
from esb.errors import EndpointError, StoreError
from esb.stores import open_store
from esb.stores.migrate import upgrade
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, journal_rows, serving, until

HOST = """
import asyncio, os, signal, sys
from pathlib import Path
import esb.routes.parts
from esb.endpoints.http_poll import HttpPoll
from esb.stores import open_store
from esb.testing.endpoint_kit import RecordingIntake, TestWorld
url, folder, journal, port, fatal = sys.argv[1:]
spec = HttpPoll.model_validate({"type": "http_poll", "url": f"http://127.0.0.1:{port}/orders", "items": "$",
    "key": "$.id", "cursor": {"field": "$.id"}, "query": {"since": "{{ cursor }}"}, "poll": "10ms"})

class DyingStore:
    def __init__(self, store):
        self.store, self.written = store, 0
    def __getattr__(self, name):
        return getattr(self.store, name)
    async def remember(self, name, value):
        self.written += 1
        if self.written == int(fatal):
            os.kill(os.getpid(), signal.SIGKILL)
        await self.store.remember(name, value)

async def main():
    store = open_store(url)
    await store.open()
    world = TestWorld(Path(folder), store=DyingStore(store), machine=folder)
    await spec.source("shop", world).run(RecordingIntake(Path(journal)), once=False)

asyncio.run(main())
"""


@pytest.fixture
async def store(tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    await upgrade(url)
    store = open_store(url)
    await store.open()
    yield store
    await store.close()


def machines(tmp_path, store, *names):
    return [TestWorld(tmp_path / name, store=store, machine=name) for name in names]


async def test_what_was_written_last_is_read_by_whoever_polls_next(tmp_path, store):
    here, there = machines(tmp_path, store, "here", "there")
    first = Turn(here, "shop")
    mark = Bookmark(here, "shop", first)

    before = await mark.read()
    await mark.write({"cursor": "1"})
    await mark.write({"cursor": "ä2"})
    await first.release()

    assert before == {}
    assert await Bookmark(there, "shop", Turn(there, "shop")).read() == {"cursor": "ä2"}


async def test_of_two_processes_of_a_machine_one_polls_until_it_stops(tmp_path):
    world = TestWorld(tmp_path)
    first, second, other = Turn(world, "shop"), Turn(world, "shop"), Turn(world, "other")

    assert (await first.hold(), await second.hold(), await other.hold()) == (True, False, True)
    await first.release()
    assert await second.hold()
    await second.release()
    await other.release()


async def test_of_two_machines_one_polls_until_it_stops(tmp_path, store):
    first, second = (Turn(world, "shop") for world in machines(tmp_path, store, "here", "there"))

    assert (await first.hold(), await second.hold(), await first.hold()) == (True, False, True)
    await first.release()
    assert await second.hold()
    await second.release()


async def test_a_machine_that_dies_is_followed_when_its_lease_has_run_out(tmp_path, store):
    here, there = machines(tmp_path, store, "here", "there")
    await here.lease("poll/shop", 60.0)
    second = Turn(there, "shop")

    early = await second.hold()
    there.clock.time += 61.0

    assert (early, await second.hold()) == (False, True)
    await second.release()


async def test_who_lost_the_turn_moves_no_bookmark(tmp_path, store, monkeypatch):
    monkeypatch.setattr(turn, "_BEAT", 0.0)
    here, there = machines(tmp_path, store, "here", "there")
    slow, quick = Turn(here, "shop"), Turn(there, "shop")
    await slow.hold()
    there.clock.time += 61.0
    await quick.hold()
    await Bookmark(there, "shop", quick).write({"cursor": "9"})

    with pytest.raises(EndpointError, match="another process polls now"):
        await Bookmark(here, "shop", slow).write({"cursor": "5"})

    assert await Bookmark(there, "shop", quick).read() == {"cursor": "9"}
    await slow.release()
    await quick.release()


async def test_a_round_longer_than_the_lease_keeps_it(tmp_path, store, monkeypatch):
    monkeypatch.setattr(turn, "_TTL", 0.05)
    here, there = machines(tmp_path, store, "here", "there")
    renewed = []
    lease = store.lease

    async def counted(name, owner, now, ttl):
        renewed.append(owner)
        return await lease(name, owner, now, ttl)

    monkeypatch.setattr(store, "lease", counted)
    first = Turn(here, "shop")
    await first.hold()

    await until(lambda: len(renewed) >= 4)

    assert not await Turn(there, "shop").hold()
    await first.release()


async def test_a_store_out_of_reach_stops_the_poller_and_not_its_keeping(tmp_path, store, monkeypatch):
    monkeypatch.setattr(turn, "_BEAT", 0.0)
    (here,) = machines(tmp_path, store, "here")
    first = Turn(here, "shop")
    await first.hold()
    lease = store.lease

    async def unreachable(*given):
        raise StoreError("out of reach")

    monkeypatch.setattr(store, "lease", unreachable)
    with pytest.raises(StoreError):
        await Bookmark(here, "shop", first).write({})
    monkeypatch.setattr(store, "lease", lease)

    assert await first.hold()
    await first.release()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
async def test_a_damaged_one_is_an_error_that_names_it(tmp_path, content):
    world = TestWorld(tmp_path)
    await world.remember("poll/shop", content)

    with pytest.raises(EndpointError, match="poll/shop"):
        await Bookmark(world, "shop", Turn(world, "shop")).read()


async def test_two_machines_with_one_store_are_one_poller_though_they_die_between_taking_and_remembering(
    tmp_path, store
):
    orders = [{"id": f"o{number:03}"} for number in range(40)]
    shown = 10

    async def listing(request):
        return JSONResponse([each for each in orders[:shown] if each["id"] >= request.query_params.get("since", "")])

    journal, url = tmp_path / "journal", f"sqlite:///{tmp_path}/store.db"
    ends = []
    async with serving(Starlette(routes=[Route("/orders", listing)])) as port:
        for machine, fatal in (("here", 2), ("there", 1), ("here", 1)):
            await store.lease("poll/shop", "nobody", 1e12, -1e12)  # as if the time of the last lease had passed
            command = [sys.executable, "-c", HOST, url, str(tmp_path / machine), str(journal), str(port), str(fatal)]
            worker = await asyncio.to_thread(
                subprocess.run, command, cwd=Path(__file__).parents[2], timeout=30, check=False
            )
            ends.append(worker.returncode)
            shown += 10
        await store.lease("poll/shop", "nobody", 1e12, -1e12)
        (there,) = machines(tmp_path, store, "there")
        intake = RecordingIntake(journal)
        spec = HttpPoll.model_validate(
            {
                "type": "http_poll",
                "url": f"http://127.0.0.1:{port}/orders",
                "items": "$",
                "key": "$.id",
                "cursor": {"field": "$.id"},
                "query": {"since": "{{ cursor }}"},
                "poll": "10ms",
            }
        )
        await spec.source("shop", there).run(intake, once=True)

    keys = [json.loads(row["key"])[0] if row["key"].startswith("[") else row["key"] for row in journal_rows(journal)]
    assert ends == [-signal.SIGKILL] * 3
    assert len(keys) == len(set(keys)) == 40
    assert intake.repeated, "what came between taking and remembering comes again, and is recognised"
    assert json.loads(await store.recall("poll/shop"))["cursor"] == "o039"
