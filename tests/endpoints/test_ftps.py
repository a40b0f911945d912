"""FTPS keeps what endpoint_suite promises, against a real server; and what is special about it."""

import asyncio
from functools import partial

import pytest
from ftps_kit import AUTHORITY, FtpsServer, make_certificate
from remote_kit import Inbox, Outbox, RemoteSinkSuite, RemoteSourceSuite, spec

from esb.endpoints.ftps import FtpsEndpoint
from esb.errors import EndpointError, RejectedError
from esb.testing.endpoint_kit import TestWorld, order, raised

ftps = partial(spec, FtpsEndpoint)


@pytest.fixture(scope="module", params=["usual", "plain-listings", "implicit"])
def server(request, tmp_path_factory):
    with FtpsServer(tmp_path_factory.mktemp(request.param), request.param) as server:
        yield server


class TestFtpsSource(RemoteSourceSuite):
    model = FtpsEndpoint


class TestFtpsSink(RemoteSinkSuite):
    model = FtpsEndpoint


async def test_files_below_and_names_that_are_not_ascii_are_taken_whole(server, tmp_path):
    inbox = Inbox(FtpsEndpoint, server, tmp_path)
    (inbox.folder / "sub").mkdir()
    big = bytes(range(256)) * 20_000
    await inbox.put("größe.edi", big)
    await inbox.put("sub/b.edi", b"two")

    source = ftps(server, f"{tmp_path.name}/in", recursive=True).source("inbox", inbox.world)
    await source.run(inbox.intake, once=True)

    assert {taken.receipt.name: taken.body for taken in inbox.intake.taken} == {"größe.edi": big, "sub/b.edi": b"two"}
    assert (inbox.folder / "done" / "größe.edi").read_bytes() == big
    assert (inbox.folder / "done" / "sub" / "b.edi").read_bytes() == b"two"


async def test_only_one_of_many_workers_polls(server, tmp_path):
    inbox = Inbox(FtpsEndpoint, server, tmp_path)
    for number in range(20):
        await inbox.put(f"{number}.edi", b"%d" % number)

    sources = [ftps(server, f"{tmp_path.name}/in", lease="2s").source("inbox", inbox.world) for _ in range(3)]
    await asyncio.gather(*(source.run(inbox.intake, once=True) for source in sources))

    names = [taken.receipt.name for taken in inbox.intake.taken]
    assert sorted(names) == sorted(f"{number}.edi" for number in range(20))


async def test_a_silent_server_costs_no_more_than_the_timeout(server, tmp_path):
    outbox = Outbox(FtpsEndpoint, server, tmp_path)
    outbox.sink = ftps(server, tmp_path.name).model_copy(update={"timeout": 0.5}).sink("outbox", outbox.world)
    await outbox.sink.check()
    server.freeze()
    try:
        with pytest.raises(EndpointError, match=r"did not answer within 0\.5 seconds"):
            await asyncio.wait_for(outbox.sink.deliver(order(1), "1"), 5)
    finally:
        server.thaw()
        await outbox.sink.close()


async def test_check_says_in_one_line_what_is_wrong(server, tmp_path):
    (server.folder / tmp_path.name).mkdir()
    stranger = make_certificate(tmp_path / "other.pem")
    told = {}
    for what, options, secrets in (
        ("fine", {}, {}),
        ("folder", {"directory": "nowhere"}, {}),
        ("user", {"user": "mallory"}, {}),
        ("certificate", {}, {AUTHORITY: stranger}),
        ("name", {"server_name": "elsewhere.example"}, {}),
    ):
        world = TestWorld(tmp_path, {**server.secrets, **secrets})
        sink = ftps(server, **{"directory": tmp_path.name, **options}).sink("outbox", world)
        try:
            told[what] = await sink.check()
        except EndpointError as error:
            told[what] = str(error)
        await sink.close()

    assert "can be listed and written to" in told["fine"]
    assert "nowhere is not a directory at the server" in told["folder"]
    assert "530" in told["user"]
    assert "certificate" in told["certificate"].lower()
    assert "elsewhere.example" in told["name"]
    assert all("\n" not in line and "s3cret" not in line for line in told.values())


async def test_a_name_that_would_end_the_command_never_reaches_the_server(server, tmp_path):
    outbox = Outbox(FtpsEndpoint, server, tmp_path)
    outbox.sink = ftps(server, outbox.name, name="a\r\nDELE y").sink("outbox", outbox.world)

    await raised(outbox.sink.deliver(order(1), "1"), RejectedError)

    assert await outbox.effects() == []
    await outbox.sink.close()
