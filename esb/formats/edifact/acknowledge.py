"""The CONTRL, cut from verdicts while they fall: one for an interchange, with an entry for each of its messages.

Nothing here knows a clock or a counter: references derive from those that are answered and date and time are theirs,
so that the same interchange is answered with the same bytes however often it comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b

from esb.edge import Part, Written
from esb.formats.edi.faults import MEANINGS, Fault, errors
from esb.formats.edi.patterns import Marks
from esb.formats.edifact.charsets import CHARSETS
from esb.formats.edifact.envelope import Group, Interchange, Verdict
from esb.message import Numbered, Scope

_RANGE = 900_000_000
"""References from here on answer; those below are for what the house sends of its own."""

REJECTED, ACKNOWLEDGED = "4", "7"
"""Code list 0083."""

_SEGMENTS, _ELEMENTS = 999, 99
"""How many UCS a message and UCD a segment may have."""

_MESSAGE_TAGS = {"set.no-trailer": "UNT", "set.number": "UNT", "set.count": "UNT", "set.unsupported": "UNH",
                 "set.id": "UNH", "set.number-bad": "UNH", "set.duplicate": "UNH"}  # fmt: skip
_TYPE = re.compile(r"[A-Z0-9]{1,6}", re.ASCII)
_REFERENCE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{1,14}")
_SHORT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{1,3}")
_AGENCY = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{1,2}")
_CODE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{1,6}")
_PARTY = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{1,35}")
_QUALIFIER = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{1,4}")
_INTERNAL = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{1,14}")
"""What an element of an envelope must look like, so that an answer is valid whatever the sender wrote."""


class Writer:
    """Writes segments with the separators of the interchange that is answered."""

    def __init__(self, interchange: Interchange) -> None:
        self.marks = interchange.marks
        self.later = interchange.syntax == "4"
        self._codec = interchange.charset.codec if interchange.charset is not None else "iso8859-1"
        self._end = self.marks.terminator + interchange.newline
        self._escape = escaper(self.marks)
        self._identifiers: dict[tuple[str, ...], str] = {}

    def segment(self, tag: str, *elements: str | Sequence[str]) -> str:
        """Return one segment; empty elements and components at an end are left out."""
        made = [tag, *(self._element(element) for element in elements)]
        while not made[-1]:
            made.pop()
        return self.marks.element.join(made) + self._end

    def accepted(self, number: str, identifier: Sequence[str]) -> str:
        """Return the UCM of a message without faults: nearly all are, so this must cost nothing."""
        mark, key = self.marks.element, tuple(identifier)
        known = self._identifiers.get(key)
        if known is None:
            known = self._element(_identifier(identifier))
            if len(self._identifiers) < 100:
                self._identifiers[key] = known
        return f"UCM{mark}{number}{mark}{known}{mark}{ACKNOWLEDGED}{self._end}"

    def count(self, text: str) -> int:
        """Return how many segments a text of ours has."""
        release, terminator = self.marks.release, self.marks.terminator
        if release and release in text:
            text = text.replace(release * 2, "").replace(release + terminator, "")
        return text.count(terminator)

    def encoded(self, text: str) -> bytes:
        """Return a text in the character set of the interchange."""
        try:
            return text.encode(self._codec)
        except UnicodeEncodeError:
            # the sender's own set does not have what stood in its header; the usual "?" would release what follows
            return "".join(char if char.isascii() else "-" for char in text).encode("ascii")

    def _element(self, element: str | Sequence[str]) -> str:
        if isinstance(element, str):
            return self._escape(element)
        parts = [self._escape(part) for part in element]
        while parts and not parts[-1]:
            parts.pop()
        return self.marks.component.join(parts)


def escaper(marks: Marks) -> Callable[[str], str]:
    """Return what makes a text safe between separators: with release characters, or without what needs one."""
    special = marks.element + marks.component + marks.repetition + marks.terminator + marks.release
    found = re.compile(f"[{re.escape(special)}]")
    if not marks.release:
        return lambda text: found.sub(" ", text).strip()
    # a plain text costs one look; a released one may end in a separator, which must not be taken for one
    return lambda text: found.sub(lambda char: marks.release + char[0], text) if found.search(text) else text


def message_segments(verdict: Verdict, writer: Writer, detailed: bool = True) -> str:
    """Return UCM, UCS and UCD for one message, or for an object; `detailed` tells each fault in a segment."""
    if verdict.code == "A" and not verdict.package and verdict.number.isalnum() and len(verdict.number) < 15:
        return writer.accepted(verdict.number, verdict.identifier)
    found = errors(verdict.faults)
    action = REJECTED if verdict.code == "R" else ACKNOWLEDGED
    whole = next((fault for fault in found if _level(fault) == "set"), None)
    notes = "".join(_notes(found, writer)) if detailed else ""
    error, tag = "", ""
    if whole is not None:
        error, tag = MEANINGS[whole.code].edifact, _MESSAGE_TAGS.get(whole.code, "")
    elif action == REJECTED and not notes:
        error = "12"
    if verdict.package:
        qualifier, value = (*verdict.identifier, "", "")[:2]
        reference = [_sound(qualifier, _SHORT, "1"), _sound(value, _PARTY, "1")]
        package = _sound(verdict.package, _PARTY, "0")
        return writer.segment("UCM", "", "", action, error, "", "", package, reference) if writer.later else ""
    number = _sound(verdict.number, _REFERENCE, "0")
    return writer.segment("UCM", number, _identifier(verdict.identifier), action, error, tag) + notes


def _identifier(given: Sequence[str]) -> list[str]:
    """Return S009 as it came, as far as it is what it should be."""
    parts = [*given, "", "", "", "", ""]
    shapes = ((_TYPE, "XXXXXX"), (_SHORT, "D"), (_SHORT, "96A"), (_AGENCY, "UN"), (_CODE, ""))
    return [_sound(part, shape, otherwise) for part, (shape, otherwise) in zip(parts, shapes, strict=False)]


def _notes(found: Sequence[Fault], writer: Writer) -> Iterator[str]:
    """Give UCS and UCD for the faults within segments, in their order."""
    here: tuple[int, str] | None = None
    segments = elements = 0
    for fault in found:
        level = _level(fault)
        if level not in ("segment", "element") or not fault.segment:
            continue
        code = MEANINGS[fault.code].edifact
        if level == "segment":
            # of a missing segment it says behind which one it was missed
            position = fault.segment - (fault.code == "seg.missing")
            yield writer.segment("UCS", str(max(position, 1)), code)
            segments, here = segments + 1, None
        elif fault.element:
            if here != (fault.segment, fault.tag):
                here, elements = (fault.segment, fault.tag), 0
                yield writer.segment("UCS", str(fault.segment))
                segments += 1
            if elements < _ELEMENTS:
                yield writer.segment("UCD", code, _where(fault, writer))
                elements += 1
        if segments >= _SEGMENTS:
            return


def _where(fault: Fault, writer: Writer) -> list[str]:
    """Return S011: the position in the segment with its tag as 1, the component, and from syntax 4 the occurrence."""
    repetition = str(fault.repetition) if writer.later and fault.repetition > 1 else ""
    return [str(fault.element + 1), str(fault.component or ""), repetition]


def _level(fault: Fault) -> str:
    meaning = MEANINGS.get(fault.code)
    return meaning.level if meaning is not None else "set"


def group_segment(group: Group, writer: Writer) -> str:
    """Return the UCF of a group; the entries of its messages follow it."""
    fault = next(iter(errors(group.faults)), None)
    action = REJECTED if group.refused else ACKNOWLEDGED
    error, tag = _error(fault, "UNE" if fault is not None and fault.tag == "UNE" else "UNG", group.refused)
    number = _sound(group.number, _REFERENCE, "0")
    sender, receiver = _group_party(group, 2), _group_party(group, 3)
    return writer.segment("UCF", number, sender, receiver, action, error, tag)


def _error(fault: Fault | None, tag: str, refused: str) -> tuple[str, str]:
    if fault is not None and fault.code in MEANINGS:
        return MEANINGS[fault.code].edifact, tag
    return ("18", "") if refused else ("", "")


def _group_party(group: Group, element: int) -> list[str]:
    return [_sound(group.at(element), _PARTY, "UNKNOWN"), _sound(group.at(element, 2), _QUALIFIER, "")]


def contrl(interchange: Interchange) -> Part:
    """Return the CONTRL for an interchange, in an interchange of its own that goes back to the sender."""
    writer = Writer(interchange)
    fault = next(iter(errors(interchange.faults)), None)
    action = REJECTED if interchange.refused else ACKNOWLEDGED
    error, tag = _error(fault, fault.tag if fault is not None else "", interchange.refused)
    version = ("4", "1") if writer.later else ("D", "3")
    entries = interchange.refusal if interchange.refused else interchange.answer
    head = writer.segment("UNH", "1", ("CONTRL", *version, "UN"))
    head += writer.segment(
        "UCI", _sound(interchange.number, _REFERENCE, "0"), *_parties(interchange), action, error, tag
    )
    # of a huge interchange this is the largest thing in memory: no copy of it is made that is not needed
    content = entries.take()

    def write(number: int) -> bytes:
        begin = writer.encoded(_head(interchange, writer, str(number)) + head)
        tail = writer.segment("UNT", str(entries.count + 3), "1") + writer.segment("UNZ", "1", str(number))
        return b"".join([begin, content, writer.encoded(tail)])

    ours, partner = interchange.pair[1], interchange.pair[0]
    draft = AnswerDraft(Scope("edifact", "interchange", ours, partner), write, answered(interchange))
    written = draft.write([_control(interchange)])
    return Part(written.body, envelope=written.headers, acknowledgment=True, draft=draft)


class AnswerDraft:
    """`esb.edge.Draft` of a CONTRL: all but its control reference. Nobody owes an answer to it."""

    kind = "CONTRL"

    def __init__(self, scope: Scope, text: Callable[[int], bytes], headers: Mapping[str, str]) -> None:
        self.wants = (scope,)
        self._text, self._headers = text, headers

    def write(self, numbers: Sequence[int]) -> Written:
        """Return the CONTRL with its reference."""
        (number,) = numbers
        headers = {**self._headers, "edi_set": "CONTRL", "edi_control": str(number)}
        return Written(self._text(number), (Numbered(self.wants[0], number),), headers)


def answered(interchange: Interchange) -> dict[str, str]:
    """Return the headers of an answer: sender and receiver change places."""
    headers = interchange.headers()
    for one, other in (("edi_sender", "edi_receiver"), ("edi_sender_qualifier", "edi_receiver_qualifier")):
        headers[one], headers[other] = headers[other], headers[one]
    return headers


def _parties(interchange: Interchange) -> tuple[list[str], list[str]]:
    """Return sender and recipient (S002, S003) as they came, as far as they are what they should be."""
    sender, receiver = (
        [
            _sound(interchange.at(element), _PARTY, "UNKNOWN"),
            _sound(interchange.at(element, 2), _QUALIFIER, ""),
            _sound(interchange.at(element, 3), _INTERNAL, ""),
        ]
        for element in (2, 3)
    )
    return sender, receiver


def _head(interchange: Interchange, writer: Writer, number: str) -> str:
    """Return the UNB of the answer, with a UNA if there was one: the other way round, same syntax, no answer wanted."""
    charset = interchange.at(1).strip().upper()
    version = interchange.at(1, 2).strip()
    syntax = [charset if charset in CHARSETS else "UNOC", version if version in ("1", "2", "3", "4") else "3"]
    sender, receiver = _parties(interchange)
    day, time = interchange.at(4).strip(), interchange.at(4, 2).strip()
    wanted = 8 if version == "4" else 6
    if any(fault.code == "ich.date" for fault in interchange.faults) or len(day) < 6:
        day = "20000101"
    day = day[-6:] if wanted == 6 else day if len(day) == 8 else f"20{day}"
    if any(fault.code == "ich.time" for fault in interchange.faults):
        time = "0000"
    test = "1" if interchange.at(11).strip() == "1" else ""
    una = f"UNA{interchange.una}{interchange.newline}" if interchange.una else ""
    return una + writer.segment("UNB", syntax, receiver, sender, (day, time), number, "", "", "", "", "", test)


def _sound(value: str, shape: re.Pattern[str], otherwise: str) -> str:
    """Return a value of the sender's envelope if it is what it should be: an answer must be valid in any case."""
    value = value.strip()
    return value if shape.fullmatch(value) else otherwise


def _control(interchange: Interchange) -> int:
    """Return the answer's reference: 9 and eight digits that derive from the one that is answered."""
    number = interchange.number
    if number.isascii() and number.isdigit() and len(number) < 15:
        return _RANGE + int(number) % 100_000_000
    return _RANGE + int.from_bytes(blake2b(number.encode(), digest_size=8).digest()) % 100_000_000
