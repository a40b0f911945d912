"""Content negotiation (RFC 9110, 12): which of the formats that we can answer in suits the caller best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MEDIA: Mapping[str, str] = {
    "json": "application/json",
    "xml": "application/xml",
    "csv": "text/csv",
    "text": "text/plain",
    "fixed_width": "text/plain",
    "x12": "application/edi-x12",
    "edifact": "application/edifact",
}
"""What the formats are called outside."""

_MOST_RANGES = 50


def media_type(name: str) -> str:
    """Return the media type of a format such as `json` or `x12/850`; what nobody knows is bytes."""
    return MEDIA.get(name.partition("/")[0], "application/octet-stream")


def choose(accept: str, offered: Sequence[str]) -> str | None:
    """Return the offered media type that the Accept header likes best, or None if it likes none.

    Without a header, and with one that nobody can read, the first is taken. Equal likings go by the order of the offer.
    """
    ranges = [found for part in accept.split(",")[:_MOST_RANGES] if (found := _range(part)) is not None]
    if not ranges:
        return offered[0]
    best, liking = None, 0.0
    for kind in offered:
        # The most exact range decides, whatever a wider one says (RFC 9110, 12.5.1).
        exact = max(((_exactness(pattern, kind), quality) for pattern, quality in ranges), default=(0, 0.0))
        if exact[0] and exact[1] > liking:
            best, liking = kind, exact[1]
    return best


def _range(part: str) -> tuple[str, float] | None:
    pattern, *parameters = (piece.strip().lower() for piece in part.split(";"))
    main, slash, sub = pattern.partition("/")
    if not slash or not main or not sub or (main == "*" and sub != "*"):
        return None
    for name, _, value in (parameter.partition("=") for parameter in parameters):
        if name.strip() == "q":
            try:
                return pattern, min(max(float(value), 0.0), 1.0)
            except ValueError:
                return None
    return pattern, 1.0


def _exactness(pattern: str, kind: str) -> int:
    if pattern == kind:
        return 3
    if pattern == f"{kind.partition('/')[0]}/*":
        return 2
    return 1 if pattern == "*/*" else 0
