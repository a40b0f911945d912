"""What a 997, 999, TA1 or CONTRL says of what we sent: the number it speaks of, the verdict, and each remark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from esb.management.edi_files.answer_words import words
from esb.message import Scope
from esb.trading import FiledState

_VERDICTS: Final[Mapping[str, FiledState]] = {"A": "accepted", "E": "noted", "P": "partial"}
_ACTIONS: Final[Mapping[str, FiledState]] = {"7": "accepted", "8": "accepted", "4": "rejected"}

_0085 = """
2 the version or level of the syntax is not supported
7 the receiver is not the actual one
12 the value is not valid
13 something mandatory is missing
14 the value is not supported here
15 it is not supported here
16 there are more parts than the segment has
17 there is no agreement on it
18 the error is not named
19 the decimal mark is wrong
20 the character is no service character
21 the character is not in the repertoire
22 the service character is not valid
23 the sender is not known
24 it is too old
25 the test indicator is not supported
26 it came before
27 the security function is not supported
28 the references of header and trailer differ
29 the count in the trailer is wrong
30 messages and groups are mixed
31 there are several types of messages in a group
32 the interchange is empty
33 it stands outside of a message or group
34 the kind of the value is wrong
35 it is repeated too often
36 the group of segments is repeated too often
37 the character is not of the type
38 a digit is missing before the decimal mark
39 the value is too long
40 the value is too short
"""
_ERRORS = {code: text for code, _, text in (line.partition(" ") for line in _0085.strip().splitlines())}


class Place(Struct, frozen=True):
    """A remark and where it points: a set, a segment in it (ST or UNH is 1), an element, a component; 0 = the whole."""

    text: str
    code: str
    set: str = ""
    transaction: str = ""
    position: int = 0
    tag: str = ""
    element: int = 0
    component: int = 0
    quoted: str = ""


class Said(Struct, frozen=True):
    """The verdict on one group or interchange; `sets` = in words, how many of its sets were accepted."""

    scope: Scope
    number: int
    state: FiledState
    remarks: tuple[Place, ...]
    sets: str = ""


def said(kind: str, document: Mapping[str, Any], headers: Mapping[str, str]) -> list[Said]:
    """Return what an acknowledgment says; `kind` is its set, `headers` those of its interchange (theirs to us)."""
    if kind == "TA1":
        return [_technical(document["interchange_acknowledgment"], headers)]
    return _contrl(document, headers) if kind == "CONTRL" else [_functional(document, headers)]


def _technical(found: Mapping[str, Any], headers: Mapping[str, str]) -> Said:
    state = _VERDICTS.get(str(found.get("code", "")), "rejected")
    note = str(found.get("note", "000"))
    remarks = () if note == "000" else (Place(words("interchange", note), note),)
    return Said(_pair("x12", headers), _number(found.get("number")), state, remarks)


def _functional(document: Mapping[str, Any], headers: Mapping[str, str]) -> Said:
    group, result = document.get("group", {}), document.get("result", {})
    ours, partner = headers.get("edi_group_receiver", ""), headers.get("edi_group_sender", "")
    scope = Scope("x12", "group", ours, partner, str(group.get("group_type", "")))
    remarks = [Place(words("group", code), code) for code in _codes(result)]
    for one in document.get("sets", ()):
        remarks += _of_set(one)
    sets = f"{result.get('accepted', '?')} of {result.get('received', '?')} sets accepted"
    state = _VERDICTS.get(str(result.get("verdict", "")), "rejected")
    return Said(scope, _number(group.get("number")), state, tuple(remarks), sets)


def _of_set(one: Mapping[str, Any]) -> Iterator[Place]:
    """Give the remarks on a set: those within it, or, where there are none, those on the whole of it."""
    at: dict[str, Any] = {"set": str(one.get("set", "")), "transaction": str(one.get("number", ""))}
    count = 0
    for segment in one.get("segments", ()):
        here: dict[str, Any] = {**at, "position": _number(segment.get("position")), "tag": str(segment.get("tag", ""))}
        error = str(segment.get("error", ""))
        if error not in ("", "8"):
            count += 1
            yield Place(words("segment", error), error, **here)
        for element in segment.get("elements", ()):
            count += 1
            yield _of_element(element, here)
    result = one.get("result", {})
    for code in _codes(result):
        if not count or code not in ("5", "I5"):
            yield Place(words("set", code), code, **at)
    if not count and str(result.get("verdict", "A")) not in ("A", "E") and not _codes(result):
        yield Place(words("verdict", str(result["verdict"])), str(result["verdict"]), **at)


def _of_element(element: Mapping[str, Any], here: Mapping[str, Any]) -> Place:
    where, code = element.get("where", {}), str(element.get("error", ""))
    return Place(
        words("element", code),
        code,
        **here,
        element=_number(where.get("element")),
        component=_number(where.get("component")),
        quoted=str(element.get("value", "")),
    )


def _contrl(document: Mapping[str, Any], headers: Mapping[str, str]) -> list[Said]:
    found = document.get("interchange", {})
    messages = [*document.get("messages", ())]
    for group in document.get("groups", ()):
        messages += group.get("messages", ())
    remarks = [*_edifact(found, {})]
    for one in messages:
        remarks += _of_message(one)
    state = _ACTIONS.get(str(found.get("action", "")), "rejected")
    refused = sum(str(one.get("action", "")) == "4" for one in messages)
    if state == "accepted" and refused:
        state = "rejected" if refused == len(messages) else "partial"
    sets = f"{len(messages) - refused} of {len(messages)} messages accepted" if messages else ""
    return [Said(_pair("edifact", headers), _number(found.get("number")), state, tuple(remarks), sets)]


def _of_message(one: Mapping[str, Any]) -> Iterator[Place]:
    at: dict[str, Any] = {"set": str(one.get("set", "")), "transaction": str(one.get("number", ""))}
    yield from _edifact(one, at)
    for segment in one.get("segments", ()):
        here = {**at, "position": _number(segment.get("position"))}
        yield from _edifact(segment, here)
        for element in segment.get("elements", ()):
            # 0098 counts the segment's tag as 1, people and 997 do not
            place = {"element": _number(element.get("element")) - 1, "component": _number(element.get("component"))}
            yield from _edifact(element, {**here, **place})


def _edifact(found: Mapping[str, Any], at: Mapping[str, Any]) -> Iterator[Place]:
    code = str(found.get("error", ""))
    if code:
        yield Place(_ERRORS.get(code, f"code {code}"), code, **at)


def _pair(dialect: str, headers: Mapping[str, str]) -> Scope:
    """Return the line of numbers of what we sent to whoever sent this."""
    ours = f"{headers.get('edi_receiver_qualifier', '')}/{headers.get('edi_receiver', '')}"
    partner = f"{headers.get('edi_sender_qualifier', '')}/{headers.get('edi_sender', '')}"
    return Scope(dialect, "interchange", ours, partner)


def _codes(result: Mapping[str, Any]) -> list[str]:
    names = ("error", "error_2", "error_3", "error_4", "error_5")
    return [str(result[name]) for name in names if result.get(name)]


def _number(given: Any) -> int:
    text = str(given or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 15 else 0
