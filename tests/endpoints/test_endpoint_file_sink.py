import asyncio
import errno
import os

import pytest

from esb.endpoints.file import FileEndpoint
from esb.errors import EndpointError, RejectedError
from esb.testing.endpoint_kit import TestWorld, order, raised


def outbox(folder, **options):
    spec = FileEndpoint.model_validate({"type": "file", "directory": "out", **options})
    return spec.sink("outbox", TestWorld(folder))


def files(folder):
    return {
        str(path.relative_to(folder / "out")): path.read_bytes()
        for path in (folder / "out").rglob("*")
        if path.is_file()
    }


async def test_a_file_is_named_after_the_message_and_its_format(tmp_path):
    done = await outbox(tmp_path).deliver(order(1), "k")

    assert files(tmp_path) == {f"{order(1).id}.json": order(1).body}
    assert f"{order(1).id}.json" in done.detail


async def test_a_name_may_be_rendered_from_the_message_with_folders(tmp_path):
    await outbox(tmp_path, name="orders/{{ body.order.number }}.json").deliver(order(7), "k")

    assert list(files(tmp_path)) == ["orders/PO-7.json"]


async def test_other_content_under_the_name_is_an_error_and_stays(tmp_path):
    sink = outbox(tmp_path, name="same.json")
    await sink.deliver(order(1), "a")

    error = await raised(sink.deliver(order(2), "b"), RejectedError)

    assert files(tmp_path) == {"same.json": order(1).body}
    assert "exists: replace" in str(error)


async def test_other_content_is_replaced_when_the_endpoint_says_so(tmp_path):
    sink = outbox(tmp_path, name="same.json", exists="replace")
    await sink.deliver(order(1), "a")
    await sink.deliver(order(2), "b")

    assert files(tmp_path) == {"same.json": order(2).body}


NAMES = [
    "../x",
    "/etc/x",
    "a/../../x",
    "a//b",
    "",
    ".hidden",
    "a/.b/c",
    "~x",
    " x",
    "x ",
    "a\\b",
    "a\nb",
    "a\x00b",
    "n" * 201,
]


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    sink = outbox(tmp_path, name="{{ body.name }}")
    message = order(1).with_body({"name": name})

    await raised(sink.deliver(message, "k"), RejectedError)

    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "out").exists()


async def test_a_link_in_the_way_is_neither_followed_nor_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "out/sub").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out/link.json").symlink_to(tmp_path / "secret")

    await raised(outbox(tmp_path, name="sub/x.json").deliver(order(1), "k"), EndpointError)
    await raised(outbox(tmp_path, name="link.json").deliver(order(1), "k"), RejectedError)

    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "secret").read_text() == "secret"


async def test_a_full_disk_leaves_nothing_half_written_and_may_heal(tmp_path, monkeypatch):
    sink = outbox(tmp_path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        error = await raised(sink.deliver(order(1), "k"), EndpointError)

    assert "No space left" in str(error)
    assert files(tmp_path) == {}
    await sink.deliver(order(1), "k")
    assert len(files(tmp_path)) == 1


async def test_what_a_crash_left_under_a_temporary_name_is_written_over(tmp_path, monkeypatch):
    sink = outbox(tmp_path, name="a.json")
    names = []

    def note(aside, *args, **kwargs):
        names.append(aside)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", note)
        await raised(sink.deliver(order(1), "k"), EndpointError)
    (tmp_path / "out" / names[0]).write_text("half of what a crash left, longer than the message itself" * 9)

    await sink.deliver(order(1), "k")

    assert names[0].startswith(".")
    assert files(tmp_path) == {"a.json": order(1).body}


async def cut_between_link_and_unlink(sink, monkeypatch):
    """Deliver as far as a kill behind link() lets it come: one file under two names."""

    def killed(name, *args, **kwargs):
        raise OSError(errno.EIO, "killed")

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", killed)
        await raised(sink.deliver(order(1), "k"), EndpointError)


async def test_a_kill_that_left_the_file_under_both_names_leaves_one_when_it_comes_again(tmp_path, monkeypatch):
    sink = outbox(tmp_path, name="a.json")
    await cut_between_link_and_unlink(sink, monkeypatch)
    assert len(files(tmp_path)) == 2

    await sink.deliver(order(1), "k")

    assert files(tmp_path) == {"a.json": order(1).body}


async def test_a_file_that_its_reader_took_is_never_written_to_again(tmp_path, monkeypatch):
    sink = outbox(tmp_path, name="a.json")
    await cut_between_link_and_unlink(sink, monkeypatch)
    taken = tmp_path / "taken.json"
    (tmp_path / "out" / "a.json").rename(taken)
    before = taken.stat().st_ino

    await sink.deliver(order(1), "k")

    assert taken.read_bytes() == order(1).body
    assert (tmp_path / "out" / "a.json").stat().st_ino != before
    assert files(tmp_path) == {"a.json": order(1).body}


async def test_twins_of_one_delivery_at_once_make_one_file(tmp_path):
    sink = outbox(tmp_path, name="a.json")

    outcomes = await asyncio.gather(*(sink.deliver(order(1), "k") for _ in range(8)), return_exceptions=True)

    assert files(tmp_path) == {"a.json": order(1).body}
    assert [each for each in outcomes if isinstance(each, Exception)] == []


async def test_file_systems_without_hard_links_are_written_to_as_well(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    sink = outbox(tmp_path, name="a.json")
    await sink.deliver(order(1), "k")
    await raised(sink.deliver(order(2), "k2"), RejectedError)

    assert files(tmp_path) == {"a.json": order(1).body}


async def test_applied_tells_only_what_it_can_see(tmp_path):
    sink = outbox(tmp_path)
    before = await sink.applied(order(1), "k")
    await sink.deliver(order(1), "k")
    after = await sink.applied(order(1), "k")

    assert (before, after) == (None, True)


async def test_an_absolute_directory_that_is_missing_is_rather_not_mounted(tmp_path):
    sink = outbox(tmp_path, directory=str(tmp_path / "mnt"))

    error = await raised(sink.deliver(order(1), "k"), EndpointError)

    assert "mount" in str(error)
    assert not (tmp_path / "mnt").exists()
