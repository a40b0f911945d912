"""http_poll: an API is read page by page, each item once, whatever crashes, throttles or changes in between."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from esb.endpoints.http_poll import HttpPoll
from esb.endpoints.http_poll.cursors import back, is_ahead, later
from esb.errors import DefinitionError, EndpointError, StoreError
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, journal_rows, raised, serving, until
from esb.testing.endpoint_suite import SourceSuite

WORKER = """
import asyncio, sys
from pathlib import Path
import esb.routes.parts
from esb.endpoints.http_poll import HttpPoll
from esb.testing.endpoint_kit import RecordingIntake, TestWorld
folder, port = Path(sys.argv[1]), sys.argv[2]
spec = HttpPoll.model_validate({"type": "http_poll", "url": f"http://127.0.0.1:{port}/orders", "items": "$.orders",
    "key": "$.id", "paging": {"token": "$.next", "parameter": "page"}, "cursor": {"field": "$.id"},
    "query": {"since": "{{ cursor }}"}, "poll": "10ms"})
asyncio.run(spec.source("shop", TestWorld(folder)).run(RecordingIntake(folder / "journal"), once=False))
"""


class Shop:
    """An API with orders that rise by `n`, `size` a page, and knobs for what goes wrong."""

    def __init__(self, count=0, size=3):
        self.orders = [
            {"id": f"o{n:04}", "n": n, "at": f"2026-01-01T00:{n // 60:02}:{n % 60:02}Z"} for n in range(count)
        ]
        self.size, self.asked, self.fail, self.etag, self.style = size, [], [], "", "token"
        routes = [
            Route("/orders", self.list),
            Route("/plain", self.plain),
            Route("/token", self.token, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)
        self.port = 0

    async def token(self, request):
        return JSONResponse({"access_token": "t", "expires_in": 60})

    async def plain(self, request):
        return Response(b"a;b\r\n1;2\r\n", media_type="text/csv")

    async def list(self, request):
        query = dict(request.query_params)
        self.asked.append((query, dict(request.headers)))
        if self.fail and (answer := self.fail.pop(0)) is not None:
            return answer
        if self.etag and request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304)
        found = [each for each in self.orders if query.get("since", "") <= each.get(query.get("by", "id"), "")]
        return self.page(found, query, request)

    def page(self, found, query, request):
        at = int(query.get("page", 0))
        body = {"orders": found[at : at + self.size]}
        headers = {"ETag": self.etag} if self.etag else {}
        if at + self.size < len(found):
            following = str(request.url.include_query_params(page=at + self.size))
            if self.style == "token":
                body["next"] = at + self.size
            elif self.style == "link":
                headers["Link"] = f'<{request.url}>; rel="self first", <{following}>; title="a, b"; rel="next"'
            elif self.style == "url":
                body["next"] = following.partition("127.0.0.1")[2].partition("/")[2].join(["/", ""])
        return JSONResponse(body, headers=headers)


BY_TOKEN = {"items": "$.orders", "key": "$.id", "paging": {"token": "$.next", "parameter": "page"}}
SINCE = {"cursor": {"field": "$.id"}, "query": {"since": "{{ cursor }}"}}


@asynccontextmanager
async def shop(folder, count=0, size=3, **options):
    made = Shop(count, size)
    async with serving(made.app) as made.port:
        made.intake, made.world = RecordingIntake(), TestWorld(folder, {"secret://env/S": "s"})
        path = options.pop("at", "/orders")
        given = {"type": "http_poll", "url": f"http://127.0.0.1:{made.port}{path}", "poll": "1s", **options}
        made.spec = HttpPoll.model_validate(given)
        made.run = lambda: made.spec.source("shop", made.world).run(made.intake, once=True)
        yield made


def ids(made):
    return [json.loads(taken.body)["id"] for taken in made.intake.taken]


@pytest.mark.parametrize(
    ("style", "paging"),
    [
        ("token", {"token": "$.next", "parameter": "page"}),
        ("link", {"link": "next"}),
        ("url", {"url": "$.next"}),
        ("count", {"count": "items", "parameter": "page"}),
    ],
)
async def test_every_item_of_every_page_is_one_document(tmp_path, style, paging):
    async with shop(tmp_path, 10, items="$.orders", key="$.id", paging=paging) as made:
        made.style = style
        await made.run()

    assert sorted(ids(made)) == [f"o{n:04}" for n in range(10)]
    assert len(made.asked) == (5 if style == "count" else 4)


async def test_the_next_round_asks_only_for_what_is_behind_the_cursor(tmp_path):
    async with shop(tmp_path, 5, **BY_TOKEN, **SINCE) as made:
        await made.run()
        made.orders.append({"id": "o0009"})
        made.asked.clear()
        await made.run()

    assert made.asked[0][0] == {"since": "o0004"}
    assert ids(made)[5:] == ["o0009"]


async def test_the_first_round_begins_where_it_is_told_to(tmp_path):
    cursor = {"field": "$.id", "start": "o0003"}
    async with shop(tmp_path, 5, **BY_TOKEN, cursor=cursor, query={"since": "{{ cursor }}", "limit": 50}) as made:
        await made.run()

    assert made.asked[0][0] == {"since": "o0003", "limit": "50"}
    assert ids(made) == ["o0003", "o0004"]


async def test_an_overlap_takes_what_came_late_and_recognises_what_is_known(tmp_path):
    cursor = {"field": "$.at", "overlap": "10s"}
    query = {"since": "{{ cursor }}", "by": "at"}
    async with shop(tmp_path, 30, size=100, **BY_TOKEN, cursor=cursor, query=query) as made:
        await made.run()
        made.orders.append({"id": "late", "at": "2026-01-01T00:00:20Z"})
        made.orders[25]["n"] = "changed"
        await made.run()

    assert made.asked[-1][0]["since"] == "2026-01-01T00:00:19Z"
    assert ids(made)[30:] == ["o0025", "late"]


async def test_an_item_whose_keys_come_in_another_order_is_the_same(tmp_path):
    async with shop(tmp_path, 1, **BY_TOKEN) as made:
        await made.run()
        made.orders = [dict(reversed(made.orders[0].items()))]
        await made.run()

    assert len(made.intake.taken) == 1


async def test_an_item_that_stays_listed_never_comes_again_however_long_the_intake_remembers(tmp_path):
    async with shop(tmp_path, 4, **BY_TOKEN) as made:
        await made.run()
        made.intake = RecordingIntake()
        await made.run()
        forgotten = ids(made)
        made.orders[2]["n"] = "changed"
        await made.run()

    assert forgotten == []
    assert ids(made) == ["o0002"]


async def test_no_more_calls_are_made_than_the_limit_allows(tmp_path):
    async with shop(tmp_path, 300, **BY_TOKEN, limit="60/m") as made:
        began = made.world.clock.time
        await made.run()

    assert len(made.asked) == 100
    assert made.world.clock.time - began >= 39


async def test_an_item_from_the_future_does_not_move_the_cursor(tmp_path):
    cursor = {"field": "$.at"}
    async with shop(tmp_path, 2, **BY_TOKEN, cursor=cursor, query={"since": "{{ cursor }}", "by": "at"}) as made:
        made.world.clock.time = 1_767_225_600.0
        made.orders.append({"id": "odd", "at": "2099-01-01T00:00:00Z"})
        await made.run()
        await made.run()

    assert made.asked[-1][0]["since"] == "2026-01-01T00:00:01Z"
    assert "poll.ahead" in made.world.log.events()
    assert "odd" in ids(made)


async def test_the_cursor_does_not_move_before_the_last_page_is_durable(tmp_path):
    async with shop(tmp_path, 9, **BY_TOKEN, **SINCE) as made:

        def full(receipt):
            if len(made.intake.taken) >= 4:
                raise StoreError("the store is out of reach")

        made.intake.failing = full
        await raised(made.run(), StoreError)
        mark = json.loads(await made.world.recall("poll/shop"))
        made.intake.failing = lambda receipt: None
        made.asked.clear()
        await made.run()

    assert (mark["cursor"], mark["high"]) == ("", "o0002")
    assert made.asked[0][0]["page"] == "3"
    assert sorted(ids(made)) == [f"o{n:04}" for n in range(9)]


async def test_a_page_that_can_no_longer_be_had_begins_the_round_again(tmp_path):
    async with shop(tmp_path, 9, **BY_TOKEN) as made:
        made.fail = [None, *[Response(status_code=500)] * 5]
        await raised(made.run(), EndpointError)
        made.fail = [Response("token expired", 400)]
        await made.run()

    assert sorted(ids(made)) == [f"o{n:04}" for n in range(9)]
    assert "poll.again" in made.world.log.events()


async def test_an_unchanged_page_is_not_sent_again(tmp_path):
    async with shop(tmp_path, 2, items="$.orders", key="$.id") as made:
        made.etag = '"v1"'
        await made.run()
        await made.run()
        made.etag = '"v2"'
        made.orders.append({"id": "new"})
        await made.run()

    assert [headers.get("if-none-match") for _, headers in made.asked] == [None, '"v1"', '"v1"']
    assert ids(made) == ["o0000", "o0001", "new"]


async def test_a_receiver_that_asks_to_slow_down_is_left_alone_so_long(tmp_path):
    async with shop(tmp_path, 2, **BY_TOKEN) as made:
        made.fail = [Response(status_code=429, headers={"Retry-After": "90"})]
        began = made.world.clock.time
        await made.run()

    assert made.world.clock.time - began == pytest.approx(90.0)
    assert len(ids(made)) == 2


@pytest.mark.parametrize(
    "body", [b"<html>down for maintenance</html>", b'{"orders": {}}', b"{}", b'{"orders": [1', b"[" * 100_000, b"\xff"]
)
async def test_a_malformed_page_takes_nothing_loses_nothing_and_is_told(tmp_path, body):
    async with shop(tmp_path, 2, **BY_TOKEN, **SINCE) as made:
        made.fail = [Response(body)] * 5
        error = await raised(made.run(), EndpointError)
        await made.run()

    assert "/orders" in str(error)
    assert made.world.log.events().count("poll.malformed") == 5
    kept = sorted((tmp_path / ".state/refused/shop").iterdir())
    assert [kept[0].read_bytes(), len(kept)] == [body, 2]
    assert len(ids(made)) == 2


async def test_a_page_that_leads_elsewhere_is_not_followed(tmp_path):
    async with shop(tmp_path, 9, items="$.orders", paging={"url": "$.next"}) as made:
        for target in ("http://evil.example/", "//evil.example/", "http://[", ""):
            made.fail = [JSONResponse({"orders": [], "next": target})] * 5
            if target:
                await raised(made.run(), EndpointError)
        made.fail = [JSONResponse({"orders": [], "next": "/orders"})] * 5
        error = await raised(made.run(), EndpointError)

    assert "names itself" in str(error)


async def test_refused_credentials_take_nothing_and_say_so_without_the_secret(tmp_path):
    async with shop(tmp_path, 2, **BY_TOKEN, auth={"bearer": "secret://env/S"}) as made:
        made.world.secrets["secret://env/S"] = "s3cr3t"
        made.fail = [Response("s3cr3t is unknown", 401)] * 5
        error = await raised(made.run(), EndpointError)
        await made.run()

    assert "401" in str(error)
    assert "s3cr3t" not in str(error)
    assert len(ids(made)) == 2


async def test_a_page_may_be_one_document_of_any_format(tmp_path):
    async with shop(tmp_path, at="/plain") as made:
        await made.run()
        await made.run()

    assert [taken.body for taken in made.intake.taken] == [b"a;b\r\n1;2\r\n"]


async def test_the_check_reads_a_page_and_takes_nothing(tmp_path):
    async with shop(tmp_path, 2, **BY_TOKEN) as made:
        source = made.spec.source("shop", made.world)
        said = await source.check()
        await source.run(made.intake, once=True)

    assert "2 items" in said


async def test_a_bookmark_that_cannot_be_read_stops_the_poller_instead_of_beginning_anew(tmp_path):
    async with shop(tmp_path, 2, **BY_TOKEN) as made:
        await made.world.remember("poll/shop", b"\x00\x00")
        error = await raised(made.run(), EndpointError)

    assert "poll/shop" in str(error)
    assert made.asked == []


async def test_of_two_pollers_one_polls_and_the_other_takes_over(tmp_path):
    async with shop(tmp_path, 2, **BY_TOKEN) as made:
        first = asyncio.ensure_future(made.spec.source("shop", made.world).run(made.intake, once=False))
        await until(lambda: len(made.intake.taken) == 2)
        second = asyncio.ensure_future(made.spec.source("shop", made.world).run(made.intake, once=False))
        await until(lambda: "poll.idle" in made.world.log.events())
        first.cancel()
        await asyncio.wait([first])
        made.orders.append({"id": "new"})
        await until(lambda: len(made.intake.taken) == 3)
        second.cancel()
        await asyncio.wait([second])

    assert ids(made)[-1] == "new"


async def test_pollers_that_are_killed_again_and_again_take_everything_once(tmp_path):
    made, folder = Shop(400, size=7), tmp_path
    journal = folder / "journal"
    async with serving(made.app) as port:
        for _ in range(3):
            before = len(journal_rows(journal))
            workers = [
                subprocess.Popen([sys.executable, "-c", WORKER, str(folder), str(port)], cwd=Path(__file__).parents[2])
                for _ in range(2)
            ]
            try:
                await until(lambda before=before: len(journal_rows(journal)) > before + 20, 30)
            finally:
                for worker in workers:
                    os.kill(worker.pid, signal.SIGKILL)
                    worker.wait()
        spec = HttpPoll.model_validate(
            {"type": "http_poll", "url": f"http://127.0.0.1:{port}/orders", **BY_TOKEN, "cursor": {"field": "$.id"}}
        )
        await spec.source("shop", TestWorld(folder)).run(RecordingIntake(journal), once=True)

    keys = [row["key"].split()[0] for row in journal_rows(journal)]
    assert sorted(set(keys)) == [f"o{n:04}" for n in range(400)]
    assert len(keys) == len(set(keys))


# -- cursors


@pytest.mark.parametrize(
    ("one", "other", "further"),
    [
        ("", "5", "5"),
        ("9", "10", "10"),
        ("9.5", "9.25", "9.5"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:30:00+01:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00Z"),
        ("o0002", "o0010", "o0010"),
        ("abc", "7", "abc"),
    ],
)
def test_the_cursor_that_is_further_on_wins(one, other, further):
    assert later(one, other) == further


@pytest.mark.parametrize(
    ("cursor", "seconds", "gives"),
    [
        ("2026-01-01T00:00:05Z", 10.0, "2025-12-31T23:59:55Z"),
        ("2026-01-01T00:00:05.250Z", 1.0, "2026-01-01T00:00:04.250Z"),
        ("2026-01-01T00:00:05+02:00", 10.0, "2025-12-31T23:59:55+02:00"),
        ("2026-01-10", 86400.0, "2026-01-09"),
        ("1767225600", 60.0, "1767225540"),
        ("o0004", 60.0, "o0004"),
        ("", 60.0, ""),
    ],
)
def test_an_overlap_keeps_the_way_a_cursor_is_written(cursor, seconds, gives):
    assert back(cursor, seconds) == gives


@given(st.text(max_size=30), st.text(max_size=30), st.floats(0, 1e6))
def test_no_text_breaks_a_cursor(one, other, seconds):
    assert later(one, other) in (one, other)
    assert isinstance(is_ahead(one, 0.0), bool)
    if one.isascii():
        assert isinstance(back(one, seconds), str)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "shop.example"}, "https://"),
        ({"key": "$.id"}, "belong to items"),
        ({"items": "$", "cursor": {"field": "$.at", "overlap": "4d"}}, "twice the overlap"),
        ({"paging": {}}, "write one of"),
        ({"paging": {"token": "$.next"}}, "parameter"),
        ({"query": {"since": "{{ body.x }}"}}, "body"),
        ({"headers": {"authorization": "x"}}, "under auth"),
        ({"headers": {"X-A": "a\r\nb"}}, "pattern"),
    ],
)
def test_definitions_that_cannot_work_are_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        HttpPoll.model_validate({"type": "http_poll", "url": "https://shop.example/", **options})


def test_a_missing_secret_is_named(tmp_path):
    spec = HttpPoll.model_validate({"type": "http_poll", "url": "https://x/", "auth": {"bearer": "secret://env/NONE"}})

    with pytest.raises(DefinitionError, match="secret://env/NONE"):
        spec.source("shop", TestWorld(tmp_path))


# -- the suite: a site with one file a page


class Site:
    def __init__(self, folder):
        self.files, self.fetched = {}, set()
        self.app = Starlette(routes=[Route("/", self.answer), Route("/{name}", self.answer)])
        self.folder, self.intake, self.world = folder, RecordingIntake(), TestWorld(folder)

    async def answer(self, request):
        name = request.path_params.get("name", "")
        names = sorted(self.files)
        following = next((each for each in names if each > name), None)
        self.fetched |= {each for each in names if following is None or each < following}
        headers = {"Link": f'</{following}>; rel="next"'} if following else {}
        return Response(self.files.get(name, b""), headers=headers)

    async def put(self, name, body):
        self.files[name] = body
        self.fetched.discard(name)

    async def waiting(self):
        return sorted(set(self.files) - self.fetched)


class TestHttpPollSource(SourceSuite):
    @asynccontextmanager
    async def open_place(self, folder):
        site = Site(folder)
        async with serving(site.app) as port:
            given = {"type": "http_poll", "url": f"http://127.0.0.1:{port}/", "paging": {"link": "next"}, "poll": "1s"}
            site.source = HttpPoll.model_validate(given).source("site", site.world)
            yield site
