import asyncio
import errno
import os

import pytest
from inbox_kit import DroppedFiles, grow_while_read

from esb.endpoints.file import FileEndpoint
from esb.errors import EndpointError, FormatError
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, raised, until


class Inbox(DroppedFiles):
    """A directory with a file source that looks again as soon as the clock is asked to sleep."""

    def __init__(self, folder, **options):
        self.folder = folder / "in"
        self.folder.mkdir(exist_ok=True)
        self.world = TestWorld(folder)
        self.intake = RecordingIntake()
        ready = options.pop("ready", {"unchanged_for": "0s"})
        self.spec = FileEndpoint.model_validate(
            {"type": "file", "directory": "in", "poll": "100ms", "ready": ready, **options}
        )

    async def run(self, once=True):
        await self.spec.source("inbox", self.world).run(self.intake, once)


async def test_a_taken_file_stands_in_done_and_its_key_tells_path_size_and_time(tmp_path):
    inbox = Inbox(tmp_path)
    path = inbox.put("a.edi", "ISA")
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))

    await inbox.run()

    assert inbox.left("done") == ["a.edi"]
    assert inbox.intake.taken[0].key.startswith("a.edi 3 1700000000123456789 ")


async def test_only_names_that_match_are_taken(tmp_path):
    inbox = Inbox(tmp_path, match="*.edi")
    for name in ("a.edi", "b.csv", "c.edi.tmp", "d.EDI"):
        inbox.put(name)

    await inbox.run()

    assert inbox.names() == ["a.edi"]
    assert inbox.left() == ["b.csv", "c.edi.tmp", "d.EDI"]


@pytest.mark.parametrize("name", ["a.tmp", "a.part", "a.filepart", "a.edi~", ".hidden"])
async def test_files_that_are_still_uploaded_under_a_temporary_name_are_left(tmp_path, name):
    inbox = Inbox(tmp_path)
    inbox.put(name)

    await inbox.run()

    assert inbox.names() == []
    assert inbox.left() == [name]


async def test_folders_below_are_taken_only_when_asked_for_and_never_our_own(tmp_path):
    inbox = Inbox(tmp_path, recursive=True)
    inbox.put("a.edi")
    inbox.put("sub/deep/a.edi")
    await inbox.run()
    inbox.put("b.edi")

    await inbox.run()

    assert inbox.names() == ["a.edi", "b.edi", "sub/deep/a.edi"]
    assert inbox.left("done/sub/deep") == ["a.edi"]


async def test_a_file_that_still_grows_is_taken_whole_when_it_holds_still(tmp_path):
    inbox = Inbox(tmp_path, ready={"unchanged_for": "2s"})
    path = inbox.put("a.edi", "half")
    run = asyncio.ensure_future(inbox.run(once=False))
    await until(lambda: inbox.world.clock.time > 1_767_225_600.0 + 1)
    for _ in range(20):
        with path.open("a") as file:
            file.write("more")
        now = inbox.world.clock.time
        await until(lambda now=now: inbox.world.clock.time > now + 1)

    assert inbox.names() == []
    await until(lambda: bool(inbox.intake.taken))
    run.cancel()
    await asyncio.wait([run])
    assert inbox.intake.taken[0].body == b"half" + b"more" * 20


async def test_a_run_that_ends_does_not_wait_for_a_file_that_keeps_growing(tmp_path):
    inbox = Inbox(tmp_path, ready={"unchanged_for": "1s"})
    path = inbox.put("a.edi", "half")
    sleep = inbox.world.clock.sleep

    async def grow(seconds):
        with path.open("a") as file:
            file.write("more")
        await sleep(seconds)

    inbox.world.clock.sleep = grow

    await inbox.run()

    assert inbox.left() == ["a.edi"]


async def test_a_file_that_changes_while_it_is_read_is_put_back_and_taken_whole_later(tmp_path):
    inbox = Inbox(tmp_path)

    await grow_while_read(inbox, "half", " and the rest")

    assert inbox.intake.taken[-1].body == b"half and the rest"
    assert "file.unstable" in inbox.world.log.events()


async def test_a_marked_file_is_taken_with_its_marker_and_an_unmarked_one_waits(tmp_path):
    inbox = Inbox(tmp_path, ready={"marker": "{stem}.ok"})
    inbox.put("a.edi")
    inbox.put("a.ok", "")
    inbox.put("b.edi")

    await inbox.run()

    assert inbox.names() == ["a.edi"]
    assert inbox.left() == ["b.edi"]
    inbox.put("a.edi", "half of the next")
    await inbox.run()
    assert inbox.names() == ["a.edi"]


async def test_an_empty_file_waits_a_while_and_is_then_put_aside_with_the_reason(tmp_path):
    inbox = Inbox(tmp_path)
    inbox.put("a.edi", "")
    await inbox.run()
    assert inbox.left() == ["a.edi"]

    run = asyncio.ensure_future(inbox.run(once=False))
    await until((inbox.folder / "failed/a.edi").exists)
    run.cancel()
    await asyncio.wait([run])

    assert "empty" in (inbox.folder / "failed/a.edi.error.txt").read_text()


async def test_a_file_above_the_limit_is_put_aside_unread(tmp_path):
    inbox = Inbox(tmp_path, max_size="10B")
    inbox.put("a.edi", "x" * 11)

    await inbox.run()

    assert inbox.left("failed") == ["a.edi", "a.edi.error.txt"]
    assert "11 bytes, more than max_size" in (inbox.folder / "failed/a.edi.error.txt").read_text()


async def test_what_cannot_be_read_as_a_document_goes_to_failed_with_the_reason_beside_it(tmp_path):
    inbox = Inbox(tmp_path)
    inbox.put("a.edi")

    def refuse(receipt):
        raise FormatError("x12: no ISA at the beginning")

    inbox.intake.failing = refuse
    await inbox.run()

    text = (inbox.folder / "failed/a.edi.error.txt").read_text()
    assert "x12: no ISA at the beginning" in text
    assert "put it into the inbox again" in text


async def test_the_same_name_with_new_content_is_a_new_delivery_and_both_are_kept(tmp_path):
    inbox = Inbox(tmp_path)
    for text in ("one", "two", "three"):
        inbox.put("a.edi", text)
        await inbox.run()

    assert [taken.body for taken in inbox.intake.taken] == [b"one", b"two", b"three"]
    kept = {path.read_text() for path in (inbox.folder / "done").iterdir()}
    assert kept == {"one", "two", "three"}
    assert all(name.endswith(".edi") for name in inbox.left("done"))


async def test_new_content_with_the_same_size_and_time_is_still_a_new_delivery(tmp_path):
    inbox = Inbox(tmp_path)
    for text in ("one", "two"):
        os.utime(inbox.put("a.edi", text), ns=(1, 1_700_000_000_000_000_000))
        await inbox.run()

    assert [taken.body for taken in inbox.intake.taken] == [b"one", b"two"]


async def test_a_file_that_came_before_is_moved_away_without_a_second_effect(tmp_path):
    inbox = Inbox(tmp_path)
    for _ in range(2):
        os.utime(inbox.put("a.edi", "one"), ns=(1, 1_700_000_000_000_000_000))
        await inbox.run()

    assert len(inbox.intake.taken) == 1
    assert len(inbox.intake.repeated) == 1
    assert inbox.left() == []


HOSTILE = [
    b"new\nline.edi",
    b"\x1b[31mred.edi",
    b"not\xffutf8.edi",
    b"left\xe2\x80\xaeide.edi",
    b"back\\slash.edi",
    b"x" * 230,
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_are_left_with_a_reason_and_shown_escaped(tmp_path, name):
    inbox = Inbox(tmp_path)
    path = inbox.folder / os.fsdecode(name)
    path.write_bytes(b"x")

    await inbox.run()
    await inbox.run()

    assert inbox.names() == []
    assert path.exists()
    told = inbox.told("file.left")
    assert len(told) == 2
    assert all(fields["file"].isascii() and fields["file"].isprintable() for fields in told)


async def test_links_and_pipes_are_never_followed_or_opened(tmp_path):
    inbox = Inbox(tmp_path, recursive=True)
    secret = tmp_path / "secret.edi"
    secret.write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b.edi").write_text("secret")
    (inbox.folder / "link.edi").symlink_to(secret)
    (inbox.folder / "folder").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(inbox.folder / "pipe.edi")

    await inbox.run()

    assert inbox.names() == []
    assert secret.exists()
    assert (tmp_path / "elsewhere/b.edi").exists()
    assert len(inbox.told("file.left")) == 3


async def test_a_file_swapped_for_a_link_after_the_look_is_put_aside_unread(tmp_path):
    inbox = Inbox(tmp_path)
    inbox.put(".keep")
    secret = tmp_path / "secret.edi"
    secret.write_text("secret")
    claims = inbox.folder / ".esb-claims/inbox/files"
    claims.mkdir(parents=True)
    (claims / "a.edi").symlink_to(secret)

    await inbox.run()

    assert inbox.names() == []
    assert "symbolic link" in (inbox.folder / "failed/a.edi.error.txt").read_text()
    assert secret.read_text() == "secret"


async def test_a_folder_on_the_way_that_is_a_link_is_not_walked_through(tmp_path):
    inbox = Inbox(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (inbox.folder / "done").symlink_to(tmp_path / "elsewhere")
    inbox.put("a.edi")

    await inbox.run()

    # The root of `done` is the operator's to choose; only what lies below a root must hold no link.
    assert (tmp_path / "elsewhere/a.edi").exists()


async def test_a_file_that_cannot_be_read_is_put_aside_after_some_tries_and_others_go_on(tmp_path, monkeypatch):
    inbox = Inbox(tmp_path)
    inbox.put("a.edi", "locked")
    inbox.put("b.edi")
    real = os.open

    def refuse(path, *args, **kwargs):
        if path == "a.edi" and args[0] & os.O_NONBLOCK:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    await inbox.run()

    assert inbox.names() == ["b.edi"]
    assert "Permission denied (tried 5 times)" in (inbox.folder / "failed/a.edi.error.txt").read_text()


async def test_a_done_folder_that_cannot_be_written_keeps_the_file_claimed_and_the_next_run_finishes_it(tmp_path):
    inbox = Inbox(tmp_path, after={"ok": "../archive/done"})
    inbox.put("a.edi")
    (tmp_path / "archive").write_text("a file where the folder should be")

    error = await raised(inbox.run(), EndpointError)
    (tmp_path / "archive").unlink()
    await inbox.run()

    assert "a.edi" in str(error)
    assert (tmp_path / "archive/done/a.edi").exists()
    assert len(inbox.intake.taken) == 1
    assert len(inbox.intake.repeated) >= 1


async def test_a_missing_absolute_directory_is_named_and_not_made(tmp_path):
    spec = FileEndpoint.model_validate({"type": "file", "directory": str(tmp_path / "mnt"), "poll": "10ms"})

    error = await raised(spec.source("inbox", TestWorld(tmp_path)).run(RecordingIntake(), once=True), EndpointError)

    assert str(tmp_path / "mnt") in str(error)
    assert "mount" in str(error)
    assert not (tmp_path / "mnt").exists()


async def test_one_of_two_pollers_works_and_the_other_takes_over_when_it_ends(tmp_path):
    first, second = Inbox(tmp_path), Inbox(tmp_path)
    holding = asyncio.ensure_future(first.run(once=False))
    await until((first.folder / ".esb-claims/inbox/lock").exists)
    first.put("a.edi")
    await until(lambda: bool(first.intake.taken))

    await second.run()
    assert "file.idle" in second.world.log.events()
    holding.cancel()
    await asyncio.wait([holding])
    second.put("b.edi")
    await second.run()

    assert (first.names(), second.names()) == (["a.edi"], ["b.edi"])


async def test_ordered_files_are_taken_one_by_one_oldest_first(tmp_path):
    inbox = Inbox(tmp_path, ordered=True)
    for number, name in enumerate(["c.edi", "a.edi", "b.edi"]):
        os.utime(inbox.put(name), ns=(1, 1_700_000_000_000_000_000 + number))

    await inbox.run()

    assert [taken.receipt.name for taken in inbox.intake.taken] == ["c.edi", "a.edi", "b.edi"]


async def test_two_endpoints_share_a_directory_by_their_patterns(tmp_path):
    first, second = Inbox(tmp_path, match="*.edi"), Inbox(tmp_path, match="*.csv")
    first.put("a.edi")
    first.put("b.csv")

    runs = [
        inbox.spec.source(name, inbox.world).run(inbox.intake, True) for name, inbox in (("x", first), ("y", second))
    ]
    await asyncio.gather(*runs)

    assert (first.names(), second.names()) == (["a.edi"], ["b.csv"])


async def test_a_thousand_small_files_are_taken_once_each(tmp_path):
    inbox = Inbox(tmp_path)
    for number in range(1000):
        inbox.put(f"{number}.edi", str(number))

    await inbox.run()

    assert len(inbox.intake.taken) == 1000
    assert len(inbox.left("done")) == 1000


WHOLE = "ISA*00*~GS*PO~ST*850*0001~SE*2*0001~GE*1*1~IEA*1*000000001~\r\n"


@pytest.mark.parametrize(
    ("complete_when", "whole"),
    [
        ("x12", WHOLE),
        ("x12", WHOLE.replace("~", "\n").strip()),
        ("x12", WHOLE + "\0" * 60),
        ("edifact", "UNB+UNOA:3'UNH+1'UNT+2+1'UNZ+1+A1'\n"),
        ("^TRAILER;[0-9]+\\r?\\n|TRAILER;[0-9]+\\n", "a;b\nTRAILER;1\n"),
    ],
)
async def test_a_file_without_its_end_stays_until_the_end_has_come(tmp_path, complete_when, whole):
    inbox = Inbox(tmp_path, ready={"unchanged_for": "0s", "complete_when": complete_when})
    inbox.put("cut.edi", whole[:5])
    inbox.put("whole.edi", whole)

    await inbox.run()

    assert inbox.names() == ["whole.edi"]
    assert inbox.left() == ["cut.edi"]
    (said,) = inbox.told("file.cut")
    assert "the end is missing" in said["reason"]

    inbox.put("cut.edi", whole)
    await inbox.run()

    assert inbox.names() == ["cut.edi", "whole.edi"]


async def test_a_file_whose_end_never_comes_is_put_aside_with_the_reason(tmp_path):
    inbox = Inbox(tmp_path, ready={"unchanged_for": "0s", "complete_when": "x12", "patience": "0s"})
    inbox.put("cut.edi", WHOLE[:30])

    await inbox.run()

    assert inbox.names() == []
    assert inbox.left("failed") == ["cut.edi", "cut.edi.error.txt"]
    assert "the end is missing" in (inbox.folder / "failed" / "cut.edi.error.txt").read_text()


async def test_a_marker_beside_a_file_without_its_end_is_not_believed(tmp_path):
    inbox = Inbox(tmp_path, ready={"marker": "{name}.done", "complete_when": "x12"})
    inbox.put("cut.edi", WHOLE[:30])
    inbox.put("cut.edi.done", "")

    await inbox.run()

    assert inbox.left("failed") == ["cut.edi", "cut.edi.error.txt"]


@pytest.mark.parametrize("text", ["(", "[a", "x" * 1001])
def test_an_ending_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match="complete_when"):
        FileEndpoint.model_validate({"type": "file", "directory": "in", "ready": {"complete_when": text}})
