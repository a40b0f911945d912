"""Scope: the names that an expression can read, and how a message becomes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from esb.message import Message

Scope: TypeAlias = Mapping[str, Any]

NAMES: frozenset[str] = frozenset({"message", "body", "headers", "partner", "route", "now", "error"})
"""Names known everywhere."""

EACH_NAMES: frozenset[str] = NAMES | {"item", "index", "root"}
"""Names known under `each`: `item` is the member, `index` counts from 1, `root` is the whole document."""


def scope_of(message: Message) -> dict[str, Any]:
    """Return the names of an expression for this message.

    `now` is the time of intake (the only clock there is); `error` is the error that a guard caught, else None.
    """
    return {
        "message": message,
        "body": message.body,
        "headers": message.headers,
        "partner": message.partner,
        "route": message.route,
        "now": message.received,
        "error": message.scratch.get("error"),
    }


def each_scope(scope: Scope, item: Any, index: int, root: Any) -> dict[str, Any]:
    """Return the scope for member `index` (from 1) of a list."""
    return {**scope, "item": item, "index": index, "root": root}
