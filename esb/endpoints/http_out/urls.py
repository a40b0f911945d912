"""Addresses: a path that was rendered from a message joins its base and can lead nowhere else."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from yarl import URL

from esb.errors import RejectedError

_LONGEST = 8000
_CONTROLS = re.compile(r"[\x00-\x20\x7f\\]")


def url_fault(url: str) -> str:
    """Return why a text cannot be the address of an endpoint, or an empty text."""
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or 0 < parts.port < 65536
    except ValueError as error:
        return str(error)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_fits:
        return "an address begins with https:// (or http://) and a host"
    if parts.username is not None or parts.password is not None:
        return "credentials do not belong into an address; write them under auth:"
    if parts.fragment or "#" in url:
        return "an address has no #fragment"
    return "the address holds blanks or control characters" if _CONTROLS.search(url) else ""


def join(base: URL, path: str) -> URL:
    """Return the address of a path (`/customers/C1?full=1`) below the base address.

    Raises:
        RejectedError: The path is not one that stays on this host and below this base.
    """
    fault = _path_fault(path)
    if fault:
        raise RejectedError(f"the path {path[:200]!r} cannot be used: {fault}")
    target, mark, query = path.partition("?")
    joined = URL(f"{str(base.with_query(None)).rstrip('/')}{target}{mark}{query}")
    if joined.origin() != base.origin():  # cannot be reached by any known path; the last line of defence
        raise RejectedError(f"the path {path[:200]!r} cannot be used: it leads to another host")
    return joined.extend_query(base.query) if base.query else joined


def _path_fault(path: str) -> str:
    if not path.startswith("/") or path.startswith("//"):
        return "it must begin with one slash"
    if len(path) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    if "#" in path or _CONTROLS.search(path):
        return "it holds '#', a backslash, blanks or control characters; use the filter urlencode"
    plain = unquote(path.partition("?")[0])
    if any(part in {".", ".."} for part in re.split(r"[/\\]", plain)):
        return "it holds a part '.' or '..'"
    return ""
