"""Unreached: why nobody answers, in the same words for every kind of endpoint."""

from __future__ import annotations

import errno
import re

_NUMBER = re.compile(r"\[Errno (-?\d+)\]")
_WORDS = {
    errno.ECONNREFUSED: "nothing listens there (connection refused)",
    errno.ECONNRESET: "the server hung up",
    errno.EPIPE: "the server hung up",
    errno.EHOSTUNREACH: "no way leads to that host (no route to host)",
    errno.ENETUNREACH: "no way leads to that network (network unreachable)",
    errno.ETIMEDOUT: "no answer in time",
}


def unreached(error: BaseException) -> str:
    """Return what the network says, for people; an empty text if the error is about something else.

    Clients wrap what the system said, so its number is also looked for in their texts; below zero are the resolver's.
    """
    number = getattr(error, "errno", None)
    if not isinstance(number, int):
        found = _NUMBER.search(str(error))
        number = int(found.group(1)) if found else 0
    return "the name of the host is not known (DNS)" if number < 0 else _WORDS.get(number, "")
