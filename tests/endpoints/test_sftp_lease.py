"""Of many workers one polls: leases at a real OpenSSH server."""

import asyncio
from functools import partial

import pytest

from esb.endpoints.remote.lease import Lease
from esb.endpoints.sftp.account import Account, Credentials, connect
from esb.endpoints.sftp.place import Place
from esb.endpoints.sftp.session import Link

FOREVER = 3600.0


@pytest.fixture(scope="module")
def server():
    from esb.testing.openssh import OpenSsh

    with OpenSsh() as server:
        yield server


@pytest.fixture
async def worker(server, tmp_path):
    """Make workers that contend for one lease, each with a connection of its own."""
    (server.folder / tmp_path.name).mkdir()
    account = Account(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        pins=frozenset([server.fingerprint]),
        credentials=lambda: Credentials(key=server.client_key.read_text()),
        timeout=5.0,
    )
    made = []

    def make(seconds=FOREVER):
        link = Link(partial(connect, account))
        lease = Lease(Place(link), tmp_path.name, seconds)
        made.append((link, lease))
        return lease

    yield make
    for link, lease in made:
        await lease.close()
        await link.close()


def die(lease):
    """Do what kill -9 does to a lease: nobody renews it, nobody gives it back."""
    lease._keeping.cancel()


async def test_the_first_has_it_and_the_others_do_not(worker):
    first, second = worker(), worker()

    assert await first.hold()
    assert await first.hold()
    assert not await second.hold()
    assert first.held
    assert not second.held


async def test_who_closes_leaves_it_to_the_next_at_once(worker):
    first, second = worker(), worker()
    await first.hold()
    await second.hold()

    await first.close()

    assert not first.held
    assert await second.hold()
    assert not await first.hold()


async def test_of_many_at_once_one_gets_it(worker):
    for _ in range(5):
        rivals = [worker() for _ in range(6)]

        held = await asyncio.gather(*(rival.hold() for rival in rivals))

        assert sum(held) == 1
        await asyncio.gather(*(rival.close() for rival in rivals))


async def test_a_holder_that_died_is_followed_after_the_time_of_a_lease_and_not_before(worker):
    dead, next_one = worker(), worker(0.5)
    await dead.hold()
    die(dead)
    began = asyncio.get_running_loop().time()

    while not await next_one.hold():
        await asyncio.sleep(0.01)

    assert 0.5 <= asyncio.get_running_loop().time() - began < 3
    assert not await worker().hold()


async def test_a_holder_that_lives_is_never_followed(worker):
    holder, rival = worker(0.5), worker(0.5)
    await holder.hold()
    end = asyncio.get_running_loop().time() + 1.5

    while asyncio.get_running_loop().time() < end:
        assert not (await rival.hold() and holder.held)
        await asyncio.sleep(0.01)


async def test_a_holder_without_a_server_stops_before_another_one_may_begin(worker, server):
    holder = worker(0.5)
    await holder.hold()

    server.freeze()
    try:
        began = asyncio.get_running_loop().time()
        while holder.held:
            await asyncio.sleep(0.005)
        stopped = asyncio.get_running_loop().time() - began
    finally:
        server.thaw()

    assert stopped < 0.5
    assert await holder.hold()


async def test_a_slow_worker_that_believes_in_an_old_lease_gets_nothing(worker):
    dead, quick, slow = worker(), worker(0.2), worker()
    await dead.hold()
    die(dead)
    while not await quick.hold():
        await asyncio.sleep(0.01)

    # It looked when lease 1 was the newest; quick has lease 2 by now, and lease 1 is deleted.
    assert not await slow._take(1)
    assert not await slow._take(2)
    assert quick.held
    assert not await slow.hold()


async def test_a_lease_that_somebody_deleted_is_noticed(worker, server, tmp_path):
    holder = worker(0.3)
    await holder.hold()

    (server.folder / tmp_path.name / "lease-1").unlink()

    while holder.held:
        await asyncio.sleep(0.01)
    assert await holder.hold()
