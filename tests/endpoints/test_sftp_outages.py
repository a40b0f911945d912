"""Servers that die, hang, or lose the connection in the middle: nothing is lost, nothing half, nobody else waits."""

import asyncio
import gc
import os

import pytest

from esb.endpoints.polling.files import OutOfReachError
from esb.endpoints.sftp import SftpEndpoint
from esb.errors import EndpointError, UnknownOutcomeError
from esb.runtime.clock import SystemClock
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, order, raised, until
from esb.testing.openssh import OpenSsh
from esb.testing.tcp_proxy import TcpProxy

SIZE = 12_000_000


@pytest.fixture(scope="module")
def server():
    with OpenSsh() as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_forgotten(caplog):
    """No request that was cut may end as an error that nobody asked for."""
    yield
    gc.collect()
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


@pytest.fixture
def folder(server, tmp_path):
    made = server.folder / tmp_path.name
    made.mkdir()
    return made


@pytest.fixture
async def proxy(server):
    async with TcpProxy(server.port) as proxy:
        yield proxy


def spec(server, folder, **options):
    options = {"poll": "20ms", "timeout": "5s", "ready": {"unchanged_for": "0s"}, **options}
    return SftpEndpoint.model_validate(server.endpoint(folder.name, **options))


@pytest.fixture
async def polled(server, folder, tmp_path):
    """Start sources that poll in real time; they are stopped at the end."""
    runs = []

    def start(**options):
        world, intake = TestWorld(tmp_path, server.secrets), RecordingIntake()
        world.clock = SystemClock()
        source = spec(server, folder, **options).source("inbox", world)
        runs.append(asyncio.ensure_future(source.run(intake, once=False)))
        return world, intake

    yield start
    for run in runs:
        run.cancel()
        await asyncio.wait([run])


@pytest.fixture
async def outbox(server, folder, tmp_path):
    sinks = []

    def make(**options):
        sinks.append(spec(server, folder, **options).sink("outbox", TestWorld(tmp_path, server.secrets)))
        return sinks[-1]

    yield make
    for sink in sinks:
        await sink.close()


async def test_a_download_that_is_cut_goes_on_where_it_was(folder, proxy, polled):
    body = os.urandom(SIZE)
    (folder / "big.edi").write_bytes(body)
    proxy.cut_after = SIZE * 2 // 3

    world, intake = polled(port=proxy.port)
    await until((folder / "done/big.edi").exists, 20)

    assert [taken.body for taken in intake.taken] == [body]
    assert proxy.connections >= 2
    assert proxy.down < SIZE * 1.35
    assert "file.postponed" in world.log.events()


async def test_a_server_that_is_killed_in_the_middle_and_started_again_is_polled_again(server, folder, proxy, polled):
    bodies = {f"{number}.edi": os.urandom(4_000_000) for number in range(4)}
    for name, body in bodies.items():
        (folder / name).write_bytes(body)

    _, intake = polled(port=proxy.port)
    await until(lambda: proxy.down > 3_000_000)
    server.kill()
    server.start()
    await until(lambda: len(list(folder.glob("done/*.edi"))) == 4, 20)

    assert {taken.receipt.name: taken.body for taken in intake.taken} == bodies


async def test_a_bad_hour_of_the_server_costs_no_file_its_place(server, folder, proxy, polled):
    (folder / "a.edi").write_bytes(os.urandom(3_000_000))
    cuts = 0

    _, intake = polled(port=proxy.port)
    while cuts < 8 and not intake.taken:
        proxy.cut_after = 30_000 + cuts * 40_000
        await until(lambda: proxy.cut_after is None or bool(intake.taken), 30)
        cuts += 1
    await until((folder / "done/a.edi").exists, 30)

    assert cuts == 8
    assert not (folder / "failed").exists()


async def test_a_server_that_hangs_is_left_in_time_and_polled_again_when_it_answers(server, folder, proxy, polled):
    world, intake = polled(port=proxy.port, timeout="300ms", lease="500ms")
    (folder / "a.edi").write_text("first")
    await until(lambda: len(intake.taken) == 1)

    proxy.stall()
    (folder / "b.edi").write_text("second")
    await until(lambda: any("300" in line or "within 0.3" in line for line in reasons(world)))
    before = [taken.body for taken in intake.taken]
    proxy.flow()
    await until(lambda: len(intake.taken) == 2)

    assert before == [b"first"]
    assert [taken.body for taken in intake.taken] == [b"first", b"second"]


def reasons(world):
    return [fields.get("reason", "") for _, event, fields in world.log.kept if event == "file.postponed"]


async def test_a_server_that_hangs_delays_no_other_endpoint(server, folder, proxy, polled, outbox):
    proxy.stall()
    polled(port=proxy.port, timeout="2s")
    stuck = [asyncio.ensure_future(outbox(port=proxy.port, timeout="2s").deliver(order(n), "k")) for n in range(8)]
    well = outbox()
    await well.deliver(order(0), "k")

    began = asyncio.get_running_loop().time()
    for number in range(1, 30):
        await well.deliver(order(number), "k")
    took = asyncio.get_running_loop().time() - began

    assert not any(task.done() for task in stuck)
    assert took < 1.5
    errors = await asyncio.gather(*stuck, return_exceptions=True)
    assert {type(error) for error in errors} == {EndpointError}


async def test_an_upload_that_is_cut_is_never_seen_half_and_passes_when_it_comes_again(folder, proxy, outbox):
    message = order(1, os.urandom(SIZE))
    sink = outbox(port=proxy.port, name="big.edi")
    proxy.cut_up_after = SIZE // 2

    error = await raised(sink.deliver(message, "k"), EndpointError)
    seen = [path.name for path in folder.iterdir()]
    await sink.deliver(message, "k")

    assert type(error) is EndpointError
    assert [name for name in seen if not name.endswith(".tmp")] == []
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"big.edi": message.body}


async def test_a_server_that_is_killed_during_an_upload_and_started_again(server, folder, proxy, outbox):
    message = order(1, os.urandom(SIZE))
    sink = outbox(port=proxy.port)
    delivery = asyncio.ensure_future(sink.deliver(message, "k"))
    await until(lambda: proxy.up > SIZE // 3)

    server.kill()
    error = await raised(delivery, EndpointError)
    server.start()
    await sink.deliver(message, "k")

    assert type(error) is EndpointError
    assert [path.read_bytes() for path in folder.iterdir()] == [message.body]


async def test_a_connection_that_idles_and_dies_is_replaced_without_an_error(server, folder, outbox):
    sink = outbox()
    await sink.deliver(order(1), "k")

    server.restart()
    await until(lambda: not sink._place.link._session.usable)

    assert await sink.deliver(order(2), "k")


async def test_a_connection_lost_while_the_name_is_given_is_an_unknown_outcome_that_can_be_probed(
    server, folder, outbox, monkeypatch
):
    sink = outbox(name="a.edi")
    move = sink._place.move

    async def move_and_lose(*args):
        await move(*args)
        raise OutOfReachError("the connection was lost")

    monkeypatch.setattr(sink._place, "move", move_and_lose)
    await raised(sink.deliver(order(1), "k"), UnknownOutcomeError)
    monkeypatch.undo()

    assert await sink.applied(order(1), "k") is True
    assert await sink.applied(order(2), "k") is None
    again = await sink.deliver(order(1), "k")
    assert "stands there already" in again.detail
    assert [path.name for path in folder.iterdir()] == ["a.edi"]


async def test_twins_of_a_large_message_leave_one_whole_file(folder, outbox):
    message = order(1, os.urandom(5_000_000))

    await asyncio.gather(*(outbox(name="a.edi").deliver(message, "k") for _ in range(3)))

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.edi": message.body}
