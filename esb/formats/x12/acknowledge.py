"""Acknowledgments of X12, cut from verdicts while they fall: the 997 (or 999) of a group, the TA1 of an interchange.

Nothing here knows a clock or a counter: control numbers derive from those that are answered and date and time are
theirs, so that the same interchange is answered with the same bytes however often it comes.
"""

from __future__ import annotations

from esb.edge import Part
from esb.formats.edi.faults import MEANINGS, Fault, errors
from esb.formats.x12.envelope import Group, Interchange, Verdict

_RANGE = 900_000_000
"""Interchange numbers from here on answer; those below are for what the house sends of its own."""


class Writer:
    """Writes segments with the separators of the interchange that is answered."""

    def __init__(self, interchange: Interchange) -> None:
        self._mark, self._term = interchange.marks.element, interchange.marks.terminator + interchange.newline

    def segment(self, *elements: str) -> str:
        """Return one segment; empty elements at its end are left out."""
        kept = list(elements)
        while kept and not kept[-1]:
            kept.pop()
        return self._mark.join(kept) + self._term

    def accepted(self, kind: str) -> str:
        """Return the trailer of a set without faults."""
        return self.segment("IK5" if kind == "999" else "AK5", "A")

    def safe(self, value: str) -> str:
        """Return a bad value as AK404 can quote it, or nothing: at most 99 characters, no separator or control."""
        quoted = value[:99]
        return quoted if quoted.isprintable() and quoted.isascii() and self._mark not in quoted else ""


def set_segments(verdict: Verdict, writer: Writer, kind: str) -> str:
    """Return AK2 … AK5 (997) or AK2 IK3 … IK5 (999) for one transaction set."""
    new = kind == "999"
    if verdict.code == "A":
        return writer.segment("AK2", verdict.set, verdict.number, verdict.guide if new else "") + writer.accepted(kind)
    tags = ("IK3", "IK4", "IK5") if new else ("AK3", "AK4", "AK5")
    out = [writer.segment("AK2", verdict.set, verdict.number, verdict.guide if new else "")]
    found = errors(verdict.faults) if verdict.code == "R" else verdict.faults
    last = None
    codes: list[str] = []
    for fault in found:
        meaning = MEANINGS.get(fault.code)
        if meaning is None or fault.severity == "note":
            continue
        code = meaning.x12_999 if new else meaning.x12
        if meaning.level == "set":
            codes.append(code)
            continue
        codes.append("5")
        here = (fault.segment, fault.tag, fault.loop)
        if meaning.level == "segment":
            out.append(writer.segment(tags[0], fault.tag[:3], str(fault.segment), _loop(fault), code))
            last = None
            continue
        if here != last:
            out.append(writer.segment(tags[0], fault.tag[:3], str(fault.segment), _loop(fault), "8"))
            last = here
        where = f"{fault.element}" + (f":{fault.component}" if fault.component else "")
        out.append(writer.segment(tags[1], where, _number(fault), code, writer.safe(fault.value)))
    out.append(writer.segment(tags[2], verdict.code, *list(dict.fromkeys(codes))[:5]))
    return "".join(out)


def _loop(fault: Fault) -> str:
    return fault.loop[:6]


def _number(fault: Fault) -> str:
    """AK402 takes a data element's number (1 to 4 digits), not a composite's."""
    return fault.id if fault.id.isdigit() else ""


def acknowledgment(interchange: Interchange, group: Group, kind: str) -> Part:
    """Return the 997 or 999 for a group, in an interchange of its own that goes back to the sender."""
    writer, gs = Writer(interchange), group.gs
    version = group.version or "004010"
    body = [
        writer.segment("ST", kind, "0001", version if kind == "999" else ""),
        writer.segment("AK1", gs[0].strip(), group.number, version if kind == "999" else ""),
        *group.segments,
        _verdict(group, writer),
    ]
    count = sum(part.count(interchange.marks.terminator) for part in body) + 1
    body.append(writer.segment("SE", str(count), "0001"))
    number = f"{_control(interchange, group):09d}"
    control = str(int(number))
    date = gs[3].strip()
    head = writer.segment("GS", "FA", gs[2].strip(), gs[1].strip(), date, gs[4].strip(), control, "X", version)
    text = "".join([isa(interchange, number), head, *body, writer.segment("GE", "1", control), _iea(writer, number)])
    headers = {**answered(interchange), **group.headers(), "edi_set": kind, "edi_control": number}
    return Part(text.encode("latin-1"), envelope=headers, acknowledgment=True)


def technical(interchange: Interchange) -> Part:
    """Return the TA1 for an interchange: accepted `A`, accepted with errors `E`, or rejected `R`."""
    writer = Writer(interchange)
    codes = [MEANINGS[fault.code].x12 for fault in errors(interchange.faults) if fault.code in MEANINGS]
    refused = any(fault.code == "ich.duplicate" for fault in interchange.faults)
    verdict = "R" if refused else "E" if codes else "A"
    number = f"{_RANGE + 99_999_999 - _value(interchange.number) % 50_000_000:09d}"
    when = interchange.isa[8].strip(), interchange.isa[9].strip()
    line = writer.segment("TA1", interchange.number, *when, verdict, codes[0] if codes else "000")
    text = "".join([isa(interchange, number), line, _iea(writer, number, "0")])
    headers = {**answered(interchange), "edi_set": "TA1", "edi_control": number}
    return Part(text.encode("latin-1"), envelope=headers, acknowledgment=True)


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
    new = ["00", "", "00", "", *old[6:8], *old[4:6], *old[8:12], number, "0", old[14]]
    fields = [value.strip().ljust(width)[:width] for value, width in zip(new, widths, strict=True)]
    fields[10] = interchange.marks.repetition or fields[10]
    mark = interchange.marks.element
    return mark.join(["ISA", *fields, interchange.marks.component]) + Writer(interchange).segment()


def _iea(writer: Writer, number: str, groups: str = "1") -> str:
    return writer.segment("IEA", groups, number)


def _verdict(group: Group, writer: Writer) -> str:
    """Return AK9: A all accepted, E with errors noted, P some rejected, R all rejected; AK905 says why of the group."""
    codes = list(dict.fromkeys(MEANINGS[fault.code].x12 for fault in group.faults if fault.code in MEANINGS))
    if group.received and not group.accepted:
        code = "R"
    elif group.accepted < group.received:
        code = "P"
    elif group.noted or codes:
        code = "E"
    else:
        code = "A"
    declared = group.declared if group.declared.isdigit() and len(group.declared) <= 6 else str(group.received)
    return writer.segment("AK9", code, declared, str(group.received), str(group.accepted), *codes[:5])


def _control(interchange: Interchange, group: Group) -> int:
    """Return the answer's control number: 9 and the last eight digits of ISA13; further groups are spread out."""
    return _RANGE + (_value(interchange.number) + (group.ordinal - 1) * 7_919_777) % 100_000_000


def _value(number: str) -> int:
    return int(number) if number.isascii() and number.isdigit() and len(number) < 15 else 0
