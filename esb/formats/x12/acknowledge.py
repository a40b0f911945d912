"""Acknowledgments of X12, cut from verdicts while they fall: the 997 (or 999) of a group, the TA1 of an interchange.

Nothing here knows a clock or a counter: control numbers are handed in, or derive from those that are answered; date and
time are theirs, so that the same interchange is answered with the same bytes however often it comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from esb.edge import Part, Written
from esb.formats.edi.faults import MEANINGS, Fault, errors, lost
from esb.formats.x12.envelope import Group, Interchange, Verdict
from esb.message import Numbered, Scope

_RANGE = 900_000_000
"""Interchange numbers from here on answer; those below are for what the house sends of its own."""


_FIRST_999 = "005010"

_SET = re.compile(r"[A-Z0-9]{3}", re.ASCII)
_SET_NUMBER = re.compile(r"[ -~]{4,9}", re.ASCII)
_GUIDE = re.compile(r"[ -~]{1,35}", re.ASCII)
_VERSION = re.compile(r"\d{6}[A-Z0-9]{0,6}", re.ASCII)
_COUNT = re.compile(r"\d{1,6}", re.ASCII)
_GROUP_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_TWO = re.compile(r"[A-Z0-9]{2}", re.ASCII)
_DAY = re.compile(r"\d{8}", re.ASCII)
_TIME = re.compile(r"\d{4,8}", re.ASCII)
_PARTY = re.compile(r"[ -~]{1,15}", re.ASCII)
_SHORT_DAY = re.compile(r"\d{6}", re.ASCII)
_SHORT_TIME = re.compile(r"\d{4}", re.ASCII)
_NUMBER = re.compile(r"\d{9}", re.ASCII)
_STANDARD = re.compile(r"\d{5}", re.ASCII)
_LETTER = re.compile(r"[A-Z]", re.ASCII)
_USAGE = re.compile(r"[PTI]", re.ASCII)
"""What an element of an envelope must look like, so that an answer is valid whatever the sender wrote."""


class Writer:
    """Writes segments with the separators of the interchange that is answered."""

    def __init__(self, interchange: Interchange) -> None:
        self.component = interchange.marks.component
        self._forbidden = frozenset(interchange.marks.element + self.component + interchange.marks.terminator)
        self.repeats = interchange.isa[11] >= "00501"
        self._mark, self._term = interchange.marks.element, interchange.marks.terminator + interchange.newline

    def segment(self, *elements: str) -> str:
        """Return one segment; empty elements at its end are left out."""
        kept = list(elements)
        while kept and not kept[-1]:
            kept.pop()
        return self._mark.join(kept) + self._term

    def accepted(self, name: str, number: str, kind: str) -> str:
        """Return header and trailer of a set without faults: nearly all are, so this must cost nothing."""
        mark, term, tag = self._mark, self._term, "IK5" if kind == "999" else "AK5"
        return f"AK2{mark}{name}{mark}{number}{term}{tag}{mark}A{term}"

    def safe(self, value: str) -> str:
        """Return a bad value as AK404 can quote it, or nothing: at most 99 characters, no separator or control."""
        quoted = value[:99]
        plain = quoted.isprintable() and quoted.isascii() and self._forbidden.isdisjoint(quoted)
        return quoted if plain else ""


def set_segments(verdict: Verdict, writer: Writer, kind: str, detail: bool = True) -> str:
    """Return AK2 … AK5 (997) or AK2 IK3 … IK5 (999) for one transaction set; without `detail` no AK3 and AK4."""
    new = kind == "999"
    number = verdict.number
    plain = not verdict.guide and number.isalnum() and number.isascii() and 4 <= len(number) <= 9
    if verdict.code == "A" and plain and len(verdict.set) == 3 and verdict.set.isalnum():
        return writer.accepted(verdict.set, verdict.number, kind)
    name, number = _sound(verdict.set, _SET, "000"), _sound(verdict.number, _SET_NUMBER, "0000")
    header = writer.segment("AK2", name, number, _sound(verdict.guide, _GUIDE, "") if new else "")
    found = errors(verdict.faults) if verdict.code == "R" else [f for f in verdict.faults if f.severity != "note"]
    notes = _notes(found, writer, new, _context(verdict, writer) if new else "") if detail else []
    codes = dict.fromkeys(code for fault in found if (code := _set_code(fault, new)))
    return "".join([header, *notes, writer.segment("IK5" if new else "AK5", verdict.code, *list(codes)[:5])])


def _context(verdict: Verdict, writer: Writer) -> str:
    """Return the CTX that names the business unit, which a 999 puts behind each IK3: `CTX*BEG03:4500012345`."""
    name, number = verdict.business
    # what needed another character, or more of them, than the element takes, would name another document
    if not name or not 1 <= len(number) <= 35 or writer.safe(number) != number:
        return ""
    return writer.segment("CTX", f"{name}{writer.component}{number}")


def _notes(found: Sequence[Fault], writer: Writer, new: bool, context: str) -> Iterator[str]:
    """Give AK3 and AK4 (IK3 and IK4) for the faults of segments and elements, with their `context` (CTX)."""
    segment_tag, element_tag = ("IK3", "IK4") if new else ("AK3", "AK4")
    last = None
    for fault in found:
        meaning = MEANINGS.get(fault.code)
        if meaning is None or meaning.level not in ("segment", "element"):
            continue
        code = meaning.x12_999 if new else meaning.x12
        place = (_tag(fault), str(min(fault.segment, 999_999)), fault.loop[:6] if new else fault.loop[:4])
        if meaning.level == "segment":
            yield writer.segment(segment_tag, *place, code) + context
            last = None
            continue
        if place != last:
            yield writer.segment(segment_tag, *place, "8") + context
            last = place
        yield writer.segment(element_tag, _where(fault, writer), _number(fault), code, writer.safe(fault.value))


def _set_code(fault: Fault, new: bool) -> str:
    """Return what a fault means for its set: a code of its own, or 5 (I5): something within it is wrong."""
    meaning = MEANINGS.get(fault.code)
    if meaning is not None and meaning.level == "set":
        return (meaning.x12_999 if new else meaning.x12).strip("-")
    return "I5" if new and fault.code.startswith("impl.") else "5"


def _where(fault: Fault, writer: Writer) -> str:
    """Return AK401: the element, its component, and (from 005010) which repetition it is."""
    repetition = str(min(fault.repetition, 9999)) if fault.repetition > 1 and writer.repeats else ""
    parts = [str(min(fault.element, 99)), str(min(fault.component, 99) or ""), repetition]
    return writer.component.join(parts).rstrip(writer.component)


def _tag(fault: Fault) -> str:
    """Return a tag that AK301 takes, whatever stood there: two or three letters and digits."""
    return "".join(char for char in fault.tag if char.isascii() and char.isalnum())[:3].ljust(2, "X")


def _sound(value: str, shape: re.Pattern[str], otherwise: str) -> str:
    """Return a value of the sender's envelope if it is what it should be: an answer must be valid in any case."""
    value = value.strip()
    return value if shape.fullmatch(value) else otherwise


def _number(fault: Fault) -> str:
    """AK402 takes a data element's number (1 to 4 digits), not a composite's."""
    return fault.id if fault.id.isdigit() else ""


def acknowledgment(interchange: Interchange, group: Group, kind: str) -> Part:
    """Return the 997 or 999 for a group, in an interchange of its own that goes back to the sender."""
    writer, gs = Writer(interchange), group.gs
    version = _sound(gs[7], _VERSION, "004010")
    answered_number = _sound(gs[5], _GROUP_NUMBER, "0")
    # there is no 999 before 005010: one that answers an older group is of that version, AK103 is the group's
    own = max(version, _FIRST_999) if kind == "999" else version
    answer = group.refusal if group.refused else group.answer
    body = [
        writer.segment("ST", kind, "0001", own if kind == "999" else "").encode("latin-1"),
        writer.segment("AK1", _sound(gs[0], _TWO, "ZZ"), answered_number, version if kind == "999" else "").encode(
            "latin-1"
        ),
        answer.getvalue(),
        _verdict(group, writer, own).encode("latin-1"),
    ]
    answer.close()
    count = sum(part.count(interchange.marks.terminator.encode("latin-1")) for part in body) + 1
    content = b"".join([*body, writer.segment("SE", str(count), "0001").encode("latin-1")])
    day, time = _sound(gs[3], _DAY, "20000101"), _sound(gs[4], _TIME, "0000")
    parties = tuple(_sound(party, _PARTY, "UNKNOWN") for party in (gs[2], gs[1]))

    def write(number: str, control: str) -> bytes:
        head = isa(interchange, number) + writer.segment("GS", "FA", *parties, day, time, control, "X", own)
        tail = writer.segment("GE", "1", control) + _iea(writer, number)
        return b"".join([head.encode("latin-1"), content, tail.encode("latin-1")])

    headers = {**answered(interchange), **group.headers(), "edi_set": kind}
    scopes = (_line(interchange), Scope("x12", "group", parties[0], parties[1], "FA"))
    number = _control(interchange, group)
    return _part(AnswerDraft(kind, scopes, lambda taken: write(f"{taken[0]:09d}", str(taken[1])), headers), number)


def technical(interchange: Interchange) -> Part:
    """Return the TA1 for an interchange: accepted `A`, accepted with errors `E`, or rejected `R`."""
    writer = Writer(interchange)
    codes = [MEANINGS[fault.code].x12 for fault in errors(interchange.faults) if fault.code in MEANINGS]
    verdict = "R" if interchange.refused else "E" if codes else "A"
    when = _sound(interchange.isa[8], _SHORT_DAY, "000101"), _sound(interchange.isa[9], _SHORT_TIME, "0000")
    line = writer.segment(
        "TA1", _sound(interchange.number, _NUMBER, "000000000"), *when, verdict, codes[0] if codes else "000"
    )

    def write(number: str) -> bytes:
        return "".join([isa(interchange, number), line, _iea(writer, number, "0")]).encode("latin-1")

    headers = {**answered(interchange), "edi_set": "TA1"}
    draft = AnswerDraft("TA1", (_line(interchange),), lambda taken: write(f"{taken[0]:09d}"), headers)
    return _part(draft, _RANGE + 99_999_999 - _value(interchange.number) % 50_000_000)


class AnswerDraft:
    """`esb.edge.Draft` of an acknowledgment: all but its control numbers. Nobody owes an answer to it."""

    def __init__(
        self,
        kind: str,
        wants: tuple[Scope, ...],
        text: Callable[[Sequence[int]], bytes],
        headers: Mapping[str, str],
    ) -> None:
        self.kind, self.wants = kind, wants
        self._text, self._headers = text, headers

    def write(self, numbers: Sequence[int]) -> Written:
        """Return the acknowledgment with its numbers."""
        known = tuple(Numbered(scope, number) for scope, number in zip(self.wants, numbers, strict=True))
        return Written(self._text(numbers), known, {**self._headers, "edi_control": f"{numbers[0]:09d}"})


def _part(draft: AnswerDraft, number: int) -> Part:
    """Return the acknowledgment as a part, with a number that derives from what it answers."""
    written = draft.write([number] * len(draft.wants))
    return Part(written.body, envelope=written.headers, acknowledgment=True, draft=draft)


def _line(interchange: Interchange) -> Scope:
    """Return the line of numbers of what goes back to the sender."""
    isa = [element.strip() for element in interchange.isa]
    return Scope("x12", "interchange", f"{isa[6]}/{isa[7]}", f"{isa[4]}/{isa[5]}")


def answered(interchange: Interchange) -> dict[str, str]:
    """Return the headers of an answer: sender and receiver change places."""
    headers = interchange.headers()
    for one, other in (("edi_sender", "edi_receiver"), ("edi_sender_qualifier", "edi_receiver_qualifier")):
        headers[one], headers[other] = headers[other], headers[one]
    return headers


def isa(interchange: Interchange, number: str) -> str:
    """Return the ISA of the answer: the other way round, same separators, version and usage, no TA1 wanted."""
    old = interchange.isa
    widths = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1)
    parties = [
        *(_sound(old[6], _TWO, "ZZ"), _sound(old[7], _PARTY, "UNKNOWN")),
        *(_sound(old[4], _TWO, "ZZ"), _sound(old[5], _PARTY, "UNKNOWN")),
    ]
    when = [_sound(old[8], _SHORT_DAY, "000101"), _sound(old[9], _SHORT_TIME, "0000")]
    version = _sound(old[11], _STANDARD, "00401")
    repetition = interchange.marks.repetition or _sound(old[10], _LETTER, "U")
    new = ["00", "", "00", "", *parties, *when, repetition, version, number, "0", _sound(old[14], _USAGE, "P")]
    fields = [value.ljust(width) for value, width in zip(new, widths, strict=True)]
    mark = interchange.marks.element
    return mark.join(["ISA", *fields, interchange.marks.component]) + Writer(interchange).segment()


def _iea(writer: Writer, number: str, groups: str = "1") -> str:
    return writer.segment("IEA", groups, number)


def _verdict(group: Group, writer: Writer, version: str) -> str:
    """Return AK9: A all accepted, E with errors noted, P some rejected, R all rejected; AK905 says why of the group.

    R, too, if all that a group should hold was lost on its way: whoever reads E does not send it again.
    `version` is the acknowledgment's own: a number that is not unique has a code since 005010.
    """
    known = [fault.code for fault in group.faults if fault.code in MEANINGS]
    later = version >= _FIRST_999
    codes = list(dict.fromkeys("19" if later and code == "grp.duplicate" else MEANINGS[code].x12 for code in known))
    accepted = 0 if group.refused or not group.known else group.accepted
    if group.refused or (not accepted and (group.received or lost(group.faults))):
        code = "R"
    elif accepted < group.received:
        code = "P"
    elif group.noted or codes:
        code = "E"
    else:
        code = "A"
    declared = group.declared if _COUNT.fullmatch(group.declared) else str(group.received)
    return writer.segment("AK9", code, declared, str(group.received), str(accepted), *codes[:5])


def _control(interchange: Interchange, group: Group) -> int:
    """Return the answer's control number: 9 and the last eight digits of ISA13; further groups are spread out."""
    return _RANGE + (_value(interchange.number) + (group.ordinal - 1) * 7_919_777) % 100_000_000


def _value(number: str) -> int:
    return int(number) if number.isascii() and number.isdigit() and len(number) < 15 else 0
