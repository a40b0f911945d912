"""Servers that are not OpenSSH: a rename replaces what stands in its way, and no extension is offered."""

import contextlib
import os
from pathlib import Path

import asyncssh
import pytest

from esb.endpoints.sftp import SftpEndpoint
from esb.errors import RejectedError
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, order, raised

PASSWORD = "secret://env/PASSWORD"


class Door(asyncssh.SSHServer):
    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return password == "open sesame"


class Crude(asyncssh.SFTPServer):
    """What old and proprietary servers do."""

    def rename(self, oldpath, newpath):
        Path(os.fsdecode(self.map_path(oldpath))).replace(os.fsdecode(self.map_path(newpath)))

    def posix_rename(self, oldpath, newpath):
        raise asyncssh.SFTPOpUnsupported("what is that?")

    def fsync(self, file_obj):
        raise asyncssh.SFTPOpUnsupported("what is that?")

    def read(self, file_obj, offset, size):
        return super().read(file_obj, offset, min(size, 1000))


@pytest.fixture
async def endpoint(tmp_path):
    key = asyncssh.generate_private_key("ssh-ed25519")
    folder = tmp_path / "server"
    (folder / "in").mkdir(parents=True)
    listener = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Door, server_host_keys=[key],
        sftp_factory=lambda channel: Crude(channel, chroot=str(folder)),
    )  # fmt: skip

    def make(**options):
        return SftpEndpoint.model_validate(
            {
                "type": "sftp",
                "host": "127.0.0.1",
                "port": listener.get_port(),
                "user": "acme",
                "auth": {"password": PASSWORD},
                "host_key": key.get_fingerprint("sha256"),
                "directory": "/in",
                "poll": "20ms",
                "timeout": "5s",
                "ready": {"unchanged_for": "0s"},
                **options,
            }
        )

    make.folder = folder / "in"
    make.world = TestWorld(tmp_path, {PASSWORD: "open sesame"})
    yield make
    listener.close()
    await listener.wait_closed()


@contextlib.asynccontextmanager
async def closing(sink):
    try:
        yield sink
    finally:
        await sink.close()


async def test_nothing_that_was_taken_is_replaced(endpoint):
    intake = RecordingIntake()
    for content in ("monday" * 1000, "tuesday"):
        (endpoint.folder / "orders.edi").write_text(content)
        await endpoint().source("inbox", endpoint.world).run(intake, once=True)

    assert [taken.body.decode() for taken in intake.taken] == ["monday" * 1000, "tuesday"]
    assert sorted(path.stat().st_size for path in (endpoint.folder / "done").iterdir()) == [7, 6000]


async def test_nothing_that_stands_there_is_replaced_unless_the_endpoint_says_so(endpoint):
    async with closing(endpoint(name="a.json").sink("out", endpoint.world)) as sink:
        await sink.deliver(order(1), "k")
        await raised(sink.deliver(order(2), "k"), RejectedError)
        assert (endpoint.folder / "a.json").read_bytes() == order(1).body

    async with closing(endpoint(name="a.json", exists="replace").sink("out", endpoint.world)) as sink:
        await sink.deliver(order(2), "k")
        assert await sink.check()

    assert {path.name: path.read_bytes() for path in endpoint.folder.iterdir()} == {"a.json": order(2).body}


async def test_a_large_file_passes_in_small_answers(endpoint):
    body = os.urandom(300_000)
    intake = RecordingIntake()
    async with closing(endpoint(name="a.bin").sink("out", endpoint.world)) as sink:
        await sink.deliver(order(1, body), "k")

    await endpoint().source("inbox", endpoint.world).run(intake, once=True)

    assert [taken.body for taken in intake.taken] == [body]
