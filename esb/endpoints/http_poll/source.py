"""The poller of an API: page after page, each durable before the next; the cursor moves when a round is complete.

A crash goes on at the page behind the last durable one. What comes twice all the same (an overlap, a page that was
durable but not yet noted) has the same key and content and is recognised by the intake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yarl import URL

from esb.endpoints.bookmark import Bookmark
from esb.endpoints.gcra import Gcra
from esb.endpoints.http_out.answers import Answered, Reading, outcome
from esb.endpoints.http_out.auth import Credentials, send_proved
from esb.endpoints.http_out.client import Client, Request
from esb.endpoints.http_poll.cursors import back, is_ahead, later, text_of
from esb.endpoints.http_poll.pages import MalformedPageError, Page, Paging, read_page
from esb.endpoints.items import Item, Items
from esb.endpoints.rounds import Rounds
from esb.envelope import encode_document
from esb.errors import EndpointError, ExpressionError, RejectedError
from esb.expressions import Expression, Path
from esb.message import derive
from esb.ports import Intake

_MOST_PAGES = 100_000
_MOST_SEEN = 50_000
"""Items of a round that are kept; longer lists should be asked for with a cursor."""
_WAITING = frozenset({401, 403, 408, 425, 429})
"""Refusals that say nothing about the page that was asked for."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked for and how it is read. `query` values may use `cursor`; `field` is where an item shows it."""

    url: URL
    query: Mapping[str, Expression]
    headers: Mapping[str, str]
    items: Path | None = None
    key: Path | None = None
    field: Path | None = None
    start: str = ""
    overlap: float = 0.0
    paging: Paging | None = None
    max_page: int = 10_000_000

    def first(self, cursor: str) -> URL:
        """Return the address of the first page behind a cursor; a parameter without a value is left out."""
        given = {name: text_of(value(None, {"cursor": cursor})) for name, value in self.query.items()}
        return self.url.update_query({name: text for name, text in given.items() if text})


@dataclass(frozen=True, slots=True)
class Line:
    """How the API is reached, and how often at most."""

    client: Client
    credentials: Credentials
    limit: Gcra | None = None


class HttpPoller:
    """The intake side: a Source. `seen` keeps what the last complete round held, however long it stays listed."""

    def __init__(self, asking: Asking, line: Line, items: Items, rounds: Rounds, seen: Bookmark) -> None:
        self._asking, self._line, self._items, self._rounds = asking, line, items, rounds
        self._bookmark, self._world = rounds.bookmark, rounds.world
        self._kept = seen
        self._seen: frozenset[str] = frozenset()
        self._now: set[str] = set()
        self._puzzled = False

    async def run(self, intake: Intake, once: bool) -> None:
        """Poll until cancelled; with `once` until one round is complete. Raises EsbError only with `once`."""
        try:
            await self._rounds.run(lambda: self._round(intake), once)
        finally:
            await self._line.client.close()

    async def check(self) -> str:
        """Ask for one page and read it, taking nothing. Raises EndpointError if that fails."""
        url = self._asking.first(back(self._asking.start, self._asking.overlap))
        try:
            answered = await self._get(url, {})
        finally:
            await self._line.client.close()
        page = read_page(answered, url, self._asking.items, self._asking.paging)
        found = f"{len(page.items)} items" if page.whole is None else f"{len(page.whole)} bytes"
        return f"{url.origin()} answers ({answered.title}, {found} in the first page)"

    async def _round(self, intake: Intake) -> None:
        mark = await self._bookmark.read()
        self._seen, self._now = frozenset((await self._kept.read()).get("seen", ())), set()
        cursor = mark.get("cursor") or self._asking.start
        begun = URL(mark["next"]) if mark.get("next") else None
        if begun is not None and begun.origin() == self._asking.url.origin():
            try:
                await self._pages(begun, mark, intake, {})
                return
            except _LostPlaceError as error:
                self._world.log.warning("poll.again", endpoint=self._rounds.name, reason=str(error))
        first = self._asking.first(back(cursor, self._asking.overlap))
        known = mark.get("etag") or {}
        same = known.get("url") == str(first)
        conditions = {name: text for name, text in known.items() if name != "url"} if same else {}
        await self._pages(first, {**mark, "cursor": cursor, "high": "", "next": ""}, intake, conditions)

    async def _pages(self, url: URL, mark: dict[str, Any], intake: Intake, conditions: Mapping[str, str]) -> None:
        """Take page after page; after each the bookmark names the next one, after the last the new cursor."""
        begun, taken = not conditions and bool(mark.get("next")), 0
        for number in range(_MOST_PAGES):
            answered = await self._get(url, conditions if number == 0 else {}, resumed=begun and number == 0)
            if answered.status == 304:
                return
            page = await self._read(answered, url)
            found = {_mark(item): item for item in self._found(page, url)}
            taken += await self._items.take([item for name, item in found.items() if name not in self._seen], intake)
            self._now.update(found)
            mark = {**mark, "high": self._high(page, mark.get("high") or ""), "next": str(page.following or "")}
            if page.following is None:
                mark["cursor"] = later(mark.get("cursor") or "", mark["high"])
                mark["etag"] = {} if number or begun else _validators(answered, url)
                await self._keep()
                await self._bookmark.write({**mark, "high": ""})
                self._tell(taken, number + 1)
                return
            await self._bookmark.write(mark)
            url = page.following
        raise MalformedPageError(f"more than {_MOST_PAGES} pages; the API leads in a ring")

    async def _get(self, url: URL, conditions: Mapping[str, str], resumed: bool = False) -> Answered:
        asking = self._asking
        request = Request("GET", url, {**asking.headers, **conditions}, safe=True, limit=asking.max_page)
        while self._line.limit is not None and (wait := self._line.limit.wait(self._world.clock.now())):
            await self._world.clock.sleep(wait)
        answered = await send_proved(self._line.client, self._line.credentials, request)
        if answered.status == 304 and conditions:
            return answered
        if resumed and 400 <= answered.status < 500 and answered.status not in _WAITING:
            raise _LostPlaceError(f"{url.path} answered {answered.title}: the round begins again at its cursor")
        reading = Reading(safe=True, secrets=self._line.credentials.secrets())
        try:
            outcome(answered, reading, self._world.clock.now())
        except RejectedError as error:  # a matter of the endpoint, not of a message: it may be mended
            raise EndpointError(f"GET {url.origin()}{url.path}: {error}") from error
        return answered

    async def _keep(self) -> None:
        """Keep what this round held: the intake forgets its keys some day, while an API may go on listing an item."""
        if self._now != self._seen:
            await self._kept.write({"seen": sorted(self._now) if len(self._now) <= _MOST_SEEN else []})

    async def _read(self, answered: Answered, url: URL) -> Page:
        """Return what a page holds; the first of a row of pages that are none is kept for people to look at."""
        try:
            page = read_page(answered, url, self._asking.items, self._asking.paging)
        except MalformedPageError as error:
            self._world.log.error("poll.malformed", endpoint=self._rounds.name, reason=str(error))
            if not self._puzzled:
                self._puzzled = True
                await self._items.put_aside(Item(str(url), answered.body), f"{error}; it is asked for again")
            raise
        self._puzzled = False
        return page

    def _found(self, page: Page, url: URL) -> list[Item]:
        if page.whole is not None:
            return [Item(url.path_qs, page.whole)] if page.whole else []
        return [Item(_text(self._asking.key, item), encode_document(_sorted(item))) for item in page.items]

    def _high(self, page: Page, high: str) -> str:
        """Return how far the round has come; a time that is yet to come would skip all that happens until then."""
        now = self._world.clock.now()
        for item in page.items if self._asking.field is not None else ():
            shown = _text(self._asking.field, item)
            if is_ahead(shown, now):
                self._world.log.warning("poll.ahead", endpoint=self._rounds.name, cursor=shown[:100])
            else:
                high = later(high, shown)
        return high

    def _tell(self, taken: int, pages: int) -> None:
        if taken:
            self._world.log.info("poll.taken", endpoint=self._rounds.name, items=taken, pages=pages)


class _LostPlaceError(EndpointError):
    """The page where an earlier round stopped can no longer be had."""


def _mark(item: Item) -> str:
    return derive(item.key, item.digest)


def _text(path: Path | None, item: Any) -> str:
    if path is None:
        return ""
    try:
        return text_of(path.get(item))
    except ExpressionError:
        return ""


def _sorted(value: Any) -> Any:
    """Return a document with its keys in order: an API that writes them in another order has changed nothing."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _validators(answered: Answered, url: URL) -> dict[str, str]:
    """Return what the next round asks with, so that an unchanged page is not sent again (RFC 9110, 13.1)."""
    named = {"If-None-Match": answered.headers.get("ETag"), "If-Modified-Since": answered.headers.get("Last-Modified")}
    found = {name: text for name, text in named.items() if text}
    return {"url": str(url), **found} if found else {}
