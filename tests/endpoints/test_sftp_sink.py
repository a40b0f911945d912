"""What is uploaded to an SFTP server, and under which name: against a real OpenSSH server."""

import os
import subprocess

import pytest

from esb.endpoints.sftp import SftpEndpoint
from esb.errors import EndpointError, RejectedError
from esb.testing.endpoint_kit import TestWorld, order, raised
from esb.testing.openssh import OpenSsh


@pytest.fixture(scope="module")
def server():
    with OpenSsh() as server:
        yield server


@pytest.fixture
async def outbox(server, tmp_path):
    (server.folder / tmp_path.name).mkdir()
    sinks = []

    def make(directory=tmp_path.name, **options):
        spec = SftpEndpoint.model_validate(server.endpoint(directory, timeout="5s", **options))
        sinks.append(spec.sink("outbox", TestWorld(tmp_path, server.secrets)))
        return sinks[-1]

    yield make
    for sink in sinks:
        await sink.close()


@pytest.fixture
def files(server, tmp_path):
    folder = server.folder / tmp_path.name
    return lambda: {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


async def test_a_file_is_named_after_the_message_and_its_format(outbox, files):
    done = await outbox().deliver(order(1), "k")

    assert files() == {f"{order(1).id}.json": order(1).body}
    assert f"{order(1).id}.json" in done.detail


async def test_a_name_may_be_rendered_with_folders_that_are_made(outbox, files):
    sink = outbox(name="orders/{{ body.order.number }}/a.json")
    await sink.deliver(order(7), "k")
    await sink.deliver(order(8), "k")

    assert sorted(files()) == ["orders/PO-7/a.json", "orders/PO-8/a.json"]


async def test_an_empty_body_is_an_empty_file(outbox, files):
    await outbox(name="empty").deliver(order(1).with_body(b"", "text"), "k")

    assert files() == {"empty": b""}


async def test_other_content_under_the_name_is_an_error_and_stays(outbox, files):
    sink = outbox(name="same.json")
    await sink.deliver(order(1), "a")

    error = await raised(sink.deliver(order(2), "b"), RejectedError)

    assert files() == {"same.json": order(1).body}
    assert "exists: replace" in str(error)


async def test_other_content_is_replaced_when_the_endpoint_says_so(outbox, files):
    sink = outbox(name="same.json", exists="replace")
    await sink.deliver(order(1), "a")
    await sink.deliver(order(2), "b")

    assert files() == {"same.json": order(2).body}


PATHS = ["../x", "/etc/x", "a/../../x", "a//b", "", ".hidden", "a/.b/c", "~x", " x", "x "]


@pytest.mark.parametrize("name", [*PATHS, "a\\b", "a\nb", "a\0b", "n" * 201])
async def test_a_name_that_leads_elsewhere_is_refused(outbox, files, name):
    sink = outbox(name="{{ body.name }}")

    await raised(sink.deliver(order(1).with_body({"name": name}), "k"), RejectedError)

    assert files() == {}


async def test_a_directory_that_is_missing_is_no_outage_and_is_not_made(outbox, server):
    error = await raised(outbox("nowhere").deliver(order(1), "k"), RejectedError)

    assert "nowhere is not a directory at the server" in str(error)
    assert not (server.folder / "nowhere").exists()


@pytest.mark.parametrize("exists", ["same", "replace"])
async def test_a_folder_in_the_way_of_the_name_is_an_error(outbox, server, tmp_path, exists):
    (server.folder / tmp_path.name / "a.json/full").mkdir(parents=True)

    await raised(outbox(name="a.json", exists=exists).deliver(order(1), "k"), RejectedError, EndpointError)

    assert [path.name for path in (server.folder / tmp_path.name).iterdir()] == ["a.json"]


@pytest.fixture
def small_disk(server, tmp_path):
    """Lend a folder on a file system of one megabyte, where this machine lets us mount one."""
    folder = server.folder / tmp_path.name
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_may_heal_and_no_half_file_keeps_it_full(outbox, small_disk):
    sink = outbox()

    error = await raised(sink.deliver(order(1, b"x" * 2_000_000), "k"), EndpointError)

    assert type(error) is EndpointError
    assert "disk may be full" in str(error)
    assert list(small_disk.iterdir()) == []
    assert await sink.deliver(order(2), "k")


async def test_a_user_without_the_right_to_write_is_a_no(outbox, server, tmp_path):
    folder = server.folder / tmp_path.name
    if subprocess.run(["chattr", "+i", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("no folder can be made immutable here")
    try:
        error = await raised(outbox().deliver(order(1), "k"), RejectedError, EndpointError)
    finally:
        subprocess.run(["chattr", "-i", str(folder)], check=True)

    assert "does not allow it" in str(error)
