"""A bookmark survives, is read by one at a time, and is never taken for something else."""

import pytest

from esb.endpoints.bookmark import Bookmark
from esb.errors import EndpointError


async def test_what_was_written_last_is_read_again(tmp_path):
    mark = Bookmark(tmp_path, "shop")
    await mark.hold()
    before = await mark.read()
    await mark.write({"cursor": "1"})
    await mark.write({"cursor": "ä2"})

    assert before == {}
    assert await Bookmark(tmp_path, "shop").read() == {"cursor": "ä2"}
    assert [path.name for path in (tmp_path / "polls").glob("*.tmp")] == []


async def test_one_of_two_holds_it_until_it_is_released(tmp_path):
    first, second, other = Bookmark(tmp_path, "shop"), Bookmark(tmp_path, "shop"), Bookmark(tmp_path, "other")

    assert (await first.hold(), await second.hold(), await other.hold()) == (True, False, True)
    first.release()
    assert await second.hold()
    second.release()
    other.release()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
async def test_a_damaged_one_is_an_error_that_names_the_file(tmp_path, content):
    (tmp_path / "polls").mkdir()
    (tmp_path / "polls/shop.json").write_bytes(content)

    with pytest.raises(EndpointError, match=r"shop\.json"):
        await Bookmark(tmp_path, "shop").read()
