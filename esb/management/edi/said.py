"""What an acknowledgment says of what we sent: the number it speaks of, the verdict, and each remark.

A document is turned into the segments that it was made of; what they say is read where files are read, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from esb.management.edi_files.remarks import Line, Remark, number, remarks
from esb.message import Scope
from esb.trading import FiledState

_VERDICTS: Final[Mapping[str, FiledState]] = {"A": "accepted", "E": "noted", "P": "partial"}
_ACTIONS: Final[Mapping[str, FiledState]] = {"7": "accepted", "8": "accepted", "4": "rejected"}
_WHOLE = ("5", "I5")
"""What a set says whose segments say more: something in it is wrong."""


class Said(Struct, frozen=True):
    """The verdict on one group or interchange; `sets` = in words, how many of its sets were accepted."""

    scope: Scope
    number: int
    state: FiledState
    remarks: tuple[Remark, ...]
    sets: str = ""


def said(kind: str, document: Mapping[str, Any], headers: Mapping[str, str]) -> Said:
    """Return what an acknowledgment says; `kind` is its set, `headers` those of its interchange (theirs to us)."""
    found = [*remarks(lines(kind, document))]
    read = _technical if kind == "TA1" else _contrl if kind == "CONTRL" else _functional
    return read(found, headers)


def lines(kind: str, document: Mapping[str, Any]) -> Iterator[Line]:
    """Give the segments that the document of an acknowledgment was made of, as far as they say anything."""
    give = _technical_lines if kind == "TA1" else _contrl_lines if kind == "CONTRL" else _functional_lines
    return give(document)


def _technical(found: Sequence[Remark], headers: Mapping[str, str]) -> Said:
    state = _VERDICTS.get(found[0].code, "rejected")
    return Said(_pair("x12", headers), number(found[0].interchange), state, tuple(found[1:]))


def _functional(found: Sequence[Remark], headers: Mapping[str, str]) -> Said:
    ours, partner = headers.get("edi_group_receiver", ""), headers.get("edi_group_sender", "")
    verdict = next(remark for remark in found if remark.level == "group" and remark.verdict)
    group = [remark for remark in found if remark.level == "group" and not remark.verdict]
    scope = Scope("x12", "group", ours, partner, verdict.kind)
    state = _VERDICTS.get(verdict.code, "rejected")
    return Said(scope, number(verdict.group), state, (*group, *_faults(found)), f"{verdict.sets} accepted")


def _contrl(found: Sequence[Remark], headers: Mapping[str, str]) -> Said:
    whole = next(remark for remark in found if remark.level == "interchange" and remark.verdict)
    envelope = [remark for remark in found if remark.level in ("interchange", "group") and not remark.verdict]
    messages = [remark for remark in found if remark.level == "set" and remark.verdict]
    state = _ACTIONS.get(whole.code, "rejected")
    refused = sum(remark.code == "4" for remark in messages)
    if state == "accepted" and refused:
        state = "rejected" if refused == len(messages) else "partial"
    sets = f"{len(messages) - refused} of {len(messages)} messages accepted" if messages else ""
    told = (*envelope, *_faults(found))
    return Said(_pair("edifact", headers), number(whole.interchange), state, told, sets)


def _faults(found: Sequence[Remark]) -> Iterator[Remark]:
    """Give the remarks on sets: those within them, or, where there are none, those on the whole of one."""
    sets: dict[tuple[str, str, str], list[Remark]] = {}
    for remark in found:
        if remark.level in ("set", "segment", "element"):
            sets.setdefault((remark.group, remark.set, remark.transaction), []).append(remark)
    for told in sets.values():
        inside = any(remark.level != "set" for remark in told)
        codes = any(remark.level == "set" and not remark.verdict for remark in told)
        for remark in told:
            if remark.verdict:
                wanted = not (inside or codes or remark.good or remark.code == "E")
            else:
                wanted = not (remark.level == "set" and inside and remark.code in _WHOLE)
            if wanted:
                yield remark


class _Line(Struct, frozen=True):
    """A segment of an acknowledgment whose document we have: `esb.management.edi_files.remarks.Line`."""

    tag: str
    values: tuple[Any, ...]

    def element(self, index: int) -> str:
        """Return an element, of a composite its first component."""
        return self.parts(index)[0]

    def parts(self, index: int) -> Sequence[str]:
        """Return the components of an element."""
        value = self.values[index - 1] if index <= len(self.values) else ""
        given = value if isinstance(value, tuple) else (value,)
        return [str(part if part is not None else "").strip() for part in given]


def _line(tag: str, found: Mapping[str, Any], *names: str | tuple[str, ...]) -> _Line:
    """Return a segment by the names that its elements have in documents; those in a tuple are components of one."""
    values = [found.get(name) if isinstance(name, str) else tuple(map(found.get, name)) for name in names]
    return _Line(tag, tuple(values))


_ERRORS = ("error", "error_2", "error_3", "error_4", "error_5")


def _technical_lines(document: Mapping[str, Any]) -> Iterator[_Line]:
    yield _line("TA1", document["interchange_acknowledgment"], "number", "date", "time", "code", "note")


def _functional_lines(document: Mapping[str, Any]) -> Iterator[_Line]:
    """Give the segments of a 997; those of a 999 say the same in the same places."""
    yield _line("AK1", document.get("group", {}), "group_type", "number")
    for one in document.get("sets", ()):
        yield _line("AK2", one, "set", "number")
        for segment in one.get("segments", ()):
            yield _line("AK3", segment, "tag", "position", "loop", "error")
            for element in segment.get("elements", ()):
                place = tuple(map(element.get("where", {}).get, ("element", "component", "repetition")))
                yield _Line("AK4", (place, element.get("element"), element.get("error"), element.get("value")))
        yield _line("AK5", one.get("result", {}), "verdict", *_ERRORS)
    yield _line("AK9", document.get("result", {}), "verdict", "sets", "received", "accepted", *_ERRORS)


def _contrl_lines(document: Mapping[str, Any]) -> Iterator[_Line]:
    yield _line("UCI", document.get("interchange", {}), "number", "sender", "receiver", "action", "error")
    yield from _messages(document)
    for group in document.get("groups", ()):
        yield _line("UCF", group, "number", "sender", "receiver", "action", "error")
        yield from _messages(group)


def _messages(holder: Mapping[str, Any]) -> Iterator[_Line]:
    for one in holder.get("messages", ()):
        yield _line("UCM", one, "number", ("set", "version"), "action", "error")
        for segment in one.get("segments", ()):
            yield _line("UCS", segment, "position", "error")
            for element in segment.get("elements", ()):
                yield _line("UCD", element, "error", ("element", "component", "repetition"))


def _pair(dialect: str, headers: Mapping[str, str]) -> Scope:
    """Return the line of numbers of what we sent to whoever sent this."""
    ours = f"{headers.get('edi_receiver_qualifier', '')}/{headers.get('edi_receiver', '')}"
    partner = f"{headers.get('edi_sender_qualifier', '')}/{headers.get('edi_sender', '')}"
    return Scope(dialect, "interchange", ours, partner)
