"""Pages: what a page holds and where the next one is. Pure: an answer comes in, items and an address go out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator
from yarl import URL

from esb.endpoints.http_out.answers import Answered
from esb.endpoints.http_poll.cursors import text_of
from esb.envelope import decode_document
from esb.errors import EndpointError, ExpressionError, FormatError
from esb.expressions import Path
from esb.specs import PathText, Spec

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s;,="]+\s*=\s*(?:"[^"]*"|[^\s;,"]*))*)')
_PARAMETER = re.compile(r'([^\s;="]+)\s*=\s*(?:"([^"]*)"|([^\s;"]*))')


class Paging(Spec):
    """Where the next page is: one way."""

    link: Literal["next"] | None = Field(None, description="In the header Link (RFC 8288), with this relation.")
    url: PathText | None = Field(None, description="The address of the next page, in the page: $.next")
    token: PathText | None = Field(None, description="A token in the page: $.next_page_token; it goes into parameter.")
    parameter: str = Field("", description="The query parameter that gets the token, the page number or the offset.")
    count: Literal["pages", "items"] | None = Field(
        None, description="The parameter counts pages (from 1) or items (from 0); an empty page is the last."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Paging:
        if len([way for way in (self.link, self.url, self.token, self.count) if way is not None]) != 1:
            raise ValueError("write one of: link, url, token, count")
        if bool(self.parameter) != (self.token is not None or self.count is not None):
            raise ValueError("parameter belongs to token and count")
        return self


@dataclass(frozen=True, slots=True)
class Page:
    """What came: its items (or the whole, as bytes) and the address of the next page, None if it is the last."""

    items: Sequence[Any]
    whole: bytes | None
    following: URL | None


class MalformedPageError(EndpointError):
    """A page is not what the endpoint says it is; nothing of it was taken, and it is asked for again."""


def read_page(answered: Answered, url: URL, items: Path | None, paging: Paging | None) -> Page:
    """Return what a page holds.

    Raises:
        MalformedPageError: It is not JSON, has no list where the items should be, or leads to another host.
    """
    if not answered.whole:
        raise MalformedPageError(f"the page {url} is larger than max_page or broke off")
    needs = items is not None or (paging is not None and paging.link is None)
    document = _document(answered, url) if needs else None
    found = _items(document, items, url) if items is not None else []
    empty = not found if items is not None else not answered.body
    following = None if paging is None else _following(answered, document, url, paging, 0 if empty else len(found) or 1)
    if following is not None and following.origin() != url.origin():
        raise MalformedPageError(f"the page {url} leads to another host ({following.origin()}); it is not followed")
    if following == url:
        raise MalformedPageError(f"the page {url} names itself as the next one")
    return Page(found, None if items is not None else answered.body, following)


def _document(answered: Answered, url: URL) -> Any:
    try:
        return decode_document(answered.body)
    except FormatError as error:
        kind = answered.headers.get("Content-Type", "no type")
        raise MalformedPageError(f"the page {url} ({kind[:100]}) is not JSON: {error}") from error


def _items(document: Any, path: Path, url: URL) -> Sequence[Any]:
    try:
        found = path.get(document)
    except ExpressionError as error:
        raise MalformedPageError(f"the page {url} has no items at {path.source}: {error}") from error
    if not isinstance(found, list):
        raise MalformedPageError(f"the page {url} has {type(found).__name__} at {path.source}, not a list of items")
    return found


def _following(answered: Answered, document: Any, url: URL, paging: Paging, count: int) -> URL | None:
    if paging.link is not None:
        return _linked(answered.headers.get("Link", ""), paging.link, url)
    if paging.count is not None:
        return _counted(url, paging, count)
    path = paging.url or paging.token
    assert path is not None, "one way is written"
    value = text_of(path.get(document)) if path.exists(document) else ""
    if not value:
        return None
    return _joined(url, value) if paging.url is not None else url.update_query({paging.parameter: value})


def _counted(url: URL, paging: Paging, count: int) -> URL | None:
    if not count:
        return None
    text = url.query.get(paging.parameter, "")
    at = int(text) if text.isascii() and text.isdigit() else (1 if paging.count == "pages" else 0)
    return url.update_query({paging.parameter: str(at + (1 if paging.count == "pages" else count))})


def _linked(header: str, relation: str, url: URL) -> URL | None:
    for target, parameters in _LINK.findall(header[:8000]):
        for name, quoted, plain in _PARAMETER.findall(parameters):
            if name.lower() == "rel" and relation in (quoted or plain).lower().split():
                return _joined(url, target)
    return None


def _joined(url: URL, target: str) -> URL:
    try:
        return url.join(URL(target)).with_fragment(None)
    except ValueError as error:
        raise MalformedPageError(f"the page {url} leads to {target[:200]!r}, which is no address") from error
