"""What is taken from an SFTP server, and when: against a real OpenSSH server and client."""

import asyncio
import os
import signal

import pytest
from inbox_kit import DroppedFiles, grow_while_read

from esb.endpoints.sftp import SftpEndpoint
from esb.errors import EndpointError, FormatError
from esb.runtime.clock import SystemClock
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, raised, until
from esb.testing.openssh import OpenSsh, installed


@pytest.fixture(scope="module")
def server():
    with OpenSsh() as server:
        yield server


class Inbox(DroppedFiles):
    """A folder at the server with a source that looks again as soon as the clock is asked to sleep."""

    def __init__(self, server, folder, **options):
        self.server = server
        self.directory = f"{folder.name}/in"
        self.folder = server.folder / self.directory
        self.folder.mkdir(parents=True)
        self.world = TestWorld(folder, server.secrets)
        self.intake = RecordingIntake()
        self.options = {"poll": "50ms", "timeout": "5s", "ready": {"unchanged_for": "0s"}, **options}

    async def run(self, once=True):
        spec = SftpEndpoint.model_validate(self.server.endpoint(self.directory, **self.options))
        await spec.source("inbox", self.world).run(self.intake, once)


async def test_a_taken_file_stands_in_done_and_its_key_tells_path_size_and_time(server, tmp_path):
    inbox = Inbox(server, tmp_path)
    os.utime(inbox.put("a.edi", "ISA"), (1, 1_700_000_000))

    await inbox.run()

    assert inbox.left("done") == ["a.edi"]
    assert inbox.left() == []
    assert inbox.intake.taken[0].key.startswith("a.edi 3 1700000000000000000 ")


async def test_folders_below_are_taken_only_when_asked_for_and_never_our_own(server, tmp_path):
    inbox = Inbox(server, tmp_path, recursive=True, match="*.edi")
    for name in ("a.edi", "sub/deep/a.edi", "sub/b.csv", ".hidden/c.edi"):
        inbox.put(name)
    await inbox.run()
    inbox.put("d.edi")

    await inbox.run()

    assert inbox.names() == ["a.edi", "d.edi", "sub/deep/a.edi"]
    assert inbox.left("done/sub/deep") == ["a.edi"]
    assert inbox.left("sub") == ["b.csv"]


async def test_files_may_go_to_folders_elsewhere_at_the_server(server, tmp_path):
    elsewhere = server.folder / tmp_path.name / "archive/of/acme"
    inbox = Inbox(server, tmp_path, poll="20s", after={"ok": str(elsewhere), "failed": "../bad"})
    inbox.put("a.edi")
    inbox.put("empty.edi", "")

    run = asyncio.ensure_future(inbox.run(once=False))
    await until((inbox.folder.parent / "bad/empty.edi.error.txt").exists)
    await until((inbox.folder.parent / "bad/empty.edi").exists)
    await until((elsewhere / "a.edi").exists)
    run.cancel()
    await asyncio.wait([run])

    assert inbox.left() == []
    assert sorted(path.name for path in elsewhere.iterdir()) == ["a.edi"]
    assert inbox.left("../bad") == ["empty.edi", "empty.edi.error.txt"]
    assert inbox.names() == ["a.edi"]


async def test_a_file_is_taken_with_its_marker_and_without_it_waits(server, tmp_path):
    inbox = Inbox(server, tmp_path, ready={"marker": "{name}.done"})
    for name in ("a.edi", "a.edi.done", "b.edi"):
        inbox.put(name)

    await inbox.run()

    assert inbox.names() == ["a.edi"]
    assert inbox.left() == ["b.edi"]


async def test_what_can_never_be_taken_stands_in_failed_with_a_text_that_says_why(server, tmp_path):
    inbox = Inbox(server, tmp_path, max_size="1KB")
    inbox.put("large.edi", "x" * 1001)
    inbox.put("bad.edi")

    def refuse(receipt):
        raise FormatError("segment 3 is no segment")

    inbox.intake.failing = refuse
    await inbox.run()

    assert inbox.left("failed") == ["bad.edi", "bad.edi.error.txt", "large.edi", "large.edi.error.txt"]
    assert "segment 3 is no segment" in (inbox.folder / "failed/bad.edi.error.txt").read_text()
    assert "more than max_size" in (inbox.folder / "failed/large.edi.error.txt").read_text()


async def test_the_same_name_with_new_content_is_a_new_delivery_and_nothing_is_overwritten(server, tmp_path):
    inbox = Inbox(server, tmp_path)
    for content in ("monday", "tuesday"):
        inbox.put("orders.edi", content)
        await inbox.run()

    assert [taken.body for taken in inbox.intake.taken] == [b"monday", b"tuesday"]
    assert len(inbox.left("done")) == 2


async def test_names_and_kinds_that_are_not_fit_are_left_and_their_siblings_taken(server, tmp_path):
    inbox = Inbox(server, tmp_path, recursive=True)
    inbox.put("good.edi")
    inbox.put("new\nline.edi")
    inbox.put("back\\slash.edi")
    (inbox.folder / os.fsdecode(b"latin-\xe9.edi")).write_text("content")
    (inbox.folder / "link.edi").symlink_to("good.edi")
    (inbox.folder / "folder").symlink_to("/etc")
    os.mkfifo(inbox.folder / "pipe.edi")

    await inbox.run()

    assert inbox.names() == ["good.edi"]
    reasons = " ".join(fields["reason"] for fields in inbox.told("file.left"))
    for reason in ("control characters", "backslash", "not UTF-8", "symbolic link", "not a regular file"):
        assert reason in reasons


async def test_a_file_that_a_client_is_still_uploading_is_not_taken_half(server, tmp_path):
    inbox = Inbox(server, tmp_path, ready={"unchanged_for": "400ms"})
    inbox.world.clock = SystemClock()
    run = asyncio.ensure_future(inbox.run(once=False))
    async with uploading(server, tmp_path, f"{inbox.directory}/big.edi", size=1_200_000) as client:
        await until((inbox.folder / "big.edi").exists)
        assert inbox.names() == []
        await client.wait()

    await until(lambda: bool(inbox.intake.taken))
    run.cancel()
    await asyncio.wait([run])
    assert [len(taken.body) for taken in inbox.intake.taken] == [1_200_000]


async def test_a_file_whose_client_was_killed_half_way_is_never_taken_where_a_marker_is_asked_for(server, tmp_path):
    inbox = Inbox(server, tmp_path, ready={"marker": "{name}.done"})
    async with uploading(server, tmp_path, f"{inbox.directory}/big.edi", size=2_000_000) as client:
        await until(lambda: (inbox.folder / "big.edi").exists() and (inbox.folder / "big.edi").stat().st_size > 0)
        client.kill()
        await client.wait()
    half = (inbox.folder / "big.edi").stat().st_size

    await inbox.run()

    assert 0 < half < 2_000_000
    assert inbox.names() == []
    assert inbox.left() == ["big.edi"]


class uploading:  # noqa: N801
    """The real sftp client, uploading slowly (its own -l option)."""

    def __init__(self, server, folder, target, size):
        (folder / "what").write_bytes(os.urandom(size))
        (folder / "batch").write_text(f"put {folder / 'what'} {target}\n")
        options = ["IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        self.command = [
            *(installed("sftp"), "-q", "-l", "8000", "-P", str(server.port), "-i", str(server.client_key)),
            *(part for option in options for part in ("-o", option)),
            *("-b", str(folder / "batch"), f"{server.user}@127.0.0.1"),
        ]

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdout=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        self.wait = self.process.wait
        return self

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)

    async def __aexit__(self, *error):
        if self.process.returncode is None:
            self.kill()
            await self.process.wait()


async def test_a_file_that_changes_while_it_is_read_is_put_back_and_taken_whole_later(server, tmp_path):
    inbox = Inbox(server, tmp_path)

    await grow_while_read(inbox, "half", " and the rest")

    assert inbox.intake.taken[-1].body == b"half and the rest"
    assert "file.unstable" in inbox.world.log.events()


async def test_a_directory_that_is_missing_is_waited_for_and_then_polled(server, tmp_path):
    inbox = Inbox(server, tmp_path)
    inbox.folder.rmdir()

    error = await raised(inbox.run(), EndpointError)
    inbox.folder.mkdir()
    inbox.put("a.edi")
    await inbox.run()

    assert "is not a directory at the server; create it there" in str(error)
    assert inbox.names() == ["a.edi"]


async def test_a_folder_that_may_not_be_written_to_is_said(server, tmp_path):
    inbox = Inbox(server, tmp_path)
    (inbox.folder / ".esb-claims").write_text("a file stands where our folder should be")
    inbox.put("a.edi")

    error = await raised(inbox.run(), EndpointError)

    assert ".esb-claims/inbox" in str(error)
    assert inbox.left() == [".esb-claims", "a.edi"]


async def test_a_large_file_passes_through_our_disk_and_leaves_nothing_there(server, tmp_path):
    inbox = Inbox(server, tmp_path)
    inbox.put("a.edi", "0123456789" * 700_000)

    await inbox.run()

    assert inbox.intake.taken[0].body == b"0123456789" * 700_000
    assert list((inbox.world.state / "spool").iterdir()) == []
