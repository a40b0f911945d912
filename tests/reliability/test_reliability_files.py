"""Files at a server while our disk is full, or while they cannot be moved away: taken once, and said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import esb.routes.parts  # noqa: F401 - endpoint specs name formats
from esb.endpoints.sftp import SftpEndpoint
from esb.errors import EndpointError
from esb.testing.endpoint_kit import RecordingIntake, TestWorld
from esb.testing.openssh import OpenSsh


@pytest.fixture
def inbox(sshd: OpenSsh, tmp_path: Path) -> Path:
    folder = sshd.folder / tmp_path.name
    folder.mkdir()
    return folder


@pytest.fixture
def polled(sshd: OpenSsh, inbox: Path, tmp_path: Path) -> Callable[[], Any]:
    """Return what makes a poller of the inbox as a fresh process would; all log into one world."""
    world: Any = TestWorld(tmp_path, sshd.secrets)
    given = sshd.endpoint(inbox.name, poll="10ms", ready={"unchanged_for": "0s"}, lease="1s")

    def make() -> Any:
        return SftpEndpoint.model_validate(given).source("inbox", world), world

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Lend our folder of copies on a file system of four megabytes, where this machine lets us mount one."""
    folder = tmp_path / ".state"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


async def test_a_file_for_which_our_disk_has_no_room_waits_at_the_server_and_small_ones_go_on(
    polled: Callable[[], Any], inbox: Path, small_disk: Path
) -> None:
    large = os.urandom(3_000_000)
    (inbox / "large.edi").write_bytes(large)
    (inbox / "small.edi").write_text("small")
    intake = RecordingIntake()

    source, world = polled()
    with pytest.raises(EndpointError):
        await source.run(intake, once=True)
    during = [taken.receipt.name for taken in intake.taken]
    left = list((small_disk / "spool").iterdir())
    subprocess.run(["umount", str(small_disk)], check=True)
    await polled()[0].run(intake, once=True)

    assert during == ["small.edi"]
    assert left == []
    assert any("bytes are free" in str(fields) for _, _, fields in world.log.kept)
    assert [taken.body for taken in intake.taken] == [b"small", large]
    assert sorted(path.name for path in (inbox / "done").iterdir()) == ["large.edi", "small.edi"]


async def test_a_file_that_cannot_be_moved_away_is_not_taken_again_however_often_we_look(
    polled: Callable[[], Any], inbox: Path
) -> None:
    (inbox / "a.edi").write_text("once")
    (inbox / "done").mkdir()
    if subprocess.run(["chattr", "+i", str(inbox / "done")], capture_output=True, check=False).returncode:
        pytest.skip("no folder can be made immutable here")
    intake, told = RecordingIntake(), []

    try:
        for _ in range(4):
            source, _ = polled()
            try:
                await source.run(intake, once=True)
            except EndpointError as error:
                told.append(str(error))
    finally:
        subprocess.run(["chattr", "-i", str(inbox / "done")], check=True)
    again = len(intake.taken)
    await polled()[0].run(intake, once=True)

    assert again == len(intake.taken) == 1
    assert len(told) == 4
    assert all("cannot move" in text and "does not allow it" in text for text in told)
    assert [path.name for path in (inbox / "done").iterdir()] == ["a.edi"]
