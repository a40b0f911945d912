"""Reads plain paths with jsonpath-ng, for the part of its grammar that agrees with RFC 9535.

It agrees on names of ASCII letters, digits and `_` after dots, on one index and on `*`. It differs on filters,
functions, quoting and escapes, names in other alphabets, blanks, what stands behind `..`, `where` and `wherenot`, names
that begin with a digit or hold `-` or `@`, and leading zeros: those are for our own parser (`query_syntax`).
"""

from __future__ import annotations

import re
from typing import Any

from jsonpath_ng import Child, Fields, Root
from jsonpath_ng import Index as PlainIndex
from jsonpath_ng.jsonpath import Wildcard as PlainWildcard
from jsonpath_ng.parser import JsonPathParser

from esb.expressions.queries import Index, Name, Query, Segment, Selector, Wildcard

_INDEX = r"\[(?:0|-?[1-9][0-9]{0,8})\]"
_NAME = r"(?!where\b|wherenot\b)[A-Za-z_][A-Za-z0-9_]*"
_PLAIN = re.compile(rf"\$(?:\.{_NAME}|\.\*|{_INDEX}|\[\*\])*", re.ASCII)
_PARSER = JsonPathParser()


def plain_query(source: str) -> Query | None:
    """Return the parts of a plain path, or None when the path is for the parser of the whole RFC."""
    if len(source) > 1000 or not _PLAIN.fullmatch(source):
        return None
    return Query(tuple(_segments(_PARSER.parse(source))))


def _segments(parsed: Any) -> list[Segment]:
    """Unwind the tree, which leans to the left, into a list."""
    segments: list[Segment] = []
    while not isinstance(parsed, Root):
        assert isinstance(parsed, Child)
        segments.append(Segment((_selector(parsed.right),)))
        parsed = parsed.left
    return segments[::-1]


def _selector(parsed: Any) -> Selector:
    if isinstance(parsed, Fields):
        return Name(parsed.fields[0])
    if isinstance(parsed, PlainIndex):
        return Index(parsed.indices[0])
    assert isinstance(parsed, PlainWildcard)
    return Wildcard()
