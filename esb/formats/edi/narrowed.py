"""What a partner's overlay finds wrong with elements that the standard allows, by the codes of implementations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from esb.formats.edi.grammar import Item, Narrow, Segment


class Flaw(Struct, frozen=True):
    """A fault within one segment; `element` and `component` count from 1, `id` = the data element's number."""

    code: str
    text: str
    element: int
    component: int = 0
    id: str = ""
    value: str = ""
    repetition: int = 0
    severity: str = "error"
    schema: str = ""


def pairs_asked(segment: Segment, values: Sequence[str]) -> Iterator[Flaw]:
    """Give what an overlay asks of pairs and does not find."""
    position = 1
    for item in segment.items:
        if item.narrows and item.pairs:
            name, end = f"{segment.tag}{position:02d}", position - 1 + 2 * item.pairs
            found = values[position - 1 : end : 2]
            for narrow in item.narrows:
                for code in narrow.pairs:
                    if code not in found:
                        text = f"{name} ({item.of.title}): a pair {code} is needed"
                        yield _asked(narrow, "impl.el-needed", text, position, item.of.id)
                if narrow.unused and any(found):
                    text = f"{name} ({item.of.title}) is not used here"
                    yield _asked(narrow, "impl.el-not-used", text, position, item.of.id, found[0])
        position += 2 * item.pairs or 1


def _asked(narrow: Narrow, code: str, text: str, position: int, id_: str, value: str = "", component: int = 0) -> Flaw:
    """Return the flaw for what an overlay asks; it says where that is written."""
    where = f"{text} ({narrow.schema})"
    return Flaw(code, where, position, component, id_, value, severity=narrow.severity, schema=narrow.schema)


def absent(item: Item, name: str, position: int, component: int) -> Iterator[Flaw]:
    """Give what is wrong with an element that is not there."""
    needed = next((narrow for narrow in item.narrows if narrow.need), None)
    if needed is not None:
        text = f"{name} ({item.of.title}) is needed"
        yield _asked(needed, "impl.el-needed", text, position, item.of.id, component=component)
    elif item.must and not item.pairs:
        yield Flaw("el.missing", f"{name} ({item.of.title}) is missing", position, component, item.of.id)


def narrowed(item: Item, name: str, value: str, repeats: int, position: int, component: int = 0) -> Iterator[Flaw]:
    """Give what an overlay finds wrong with a value that the standard allows."""
    title, id_ = item.of.title, item.of.id
    for narrow in item.narrows:
        if narrow.unused:
            code = "impl.el-needless" if narrow.only_here else "impl.el-not-used"
            yield _asked(narrow, code, f"{name} ({title}) is not used here", position, id_, value, component)
        elif narrow.codes is not None and value not in narrow.codes:
            codes = ", ".join(sorted(narrow.codes))
            text = f"{name} ({title}) {value[:40]!r} is not one of {codes}"
            yield _asked(narrow, "impl.code", text, position, id_, value, component)
        elif narrow.pattern and re.fullmatch(narrow.pattern, value) is None:
            text = f"{name} ({title}) {value[:40]!r} is not like {narrow.pattern}"
            yield _asked(narrow, "impl.pattern", text, position, id_, value, component)
        elif repeats < narrow.least:
            text = f"{name} ({title}) comes {repeats} times, {narrow.least} are needed"
            yield _asked(narrow, "impl.repeats-few", text, position, id_, value, component)
