"""A transaction set or message under way: it is walked, kept, closed, and becomes documents or an exception."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from esb.edge import Finding, Part
from esb.formats.edi.checks import check
from esb.formats.edi.faults import Fault, errors
from esb.formats.edi.kept import KEPT, Kept
from esb.formats.edi.refusals import Words
from esb.formats.edi.units import Cut
from esb.formats.edi.walker import Walk


class Asked(Protocol):
    """What the options of a dialect's reader say of it; their docstrings explain the fields."""

    @property
    def limit(self) -> int: ...

    @property
    def bind(self) -> bool: ...

    @property
    def carry(self) -> bool: ...

    @property
    def reject(self) -> str: ...


class Pieces(Protocol):
    """A run of segments, as a dialect's framer cuts them."""

    @property
    def text(self) -> str: ...

    @property
    def segments(self) -> list[str]: ...

    def locate(self, index: int) -> tuple[int, int]:
        """Return the byte offset and line of a segment."""

    def begin(self, index: int, known: tuple[int, int]) -> int:
        """Return where a segment begins in the text; `known` = (index, position) of an earlier one."""


class Ongoing:
    """What is kept beside a walk: bytes as they came, lines that were cut off, segments that are carried.

    `begin` = where its header stands in the text of its run. `alone`: its header if there is no guide for it. Without
    `keep` it has no bytes.
    """

    __slots__ = ("_begin", "_carried", "_head", "_keep", "_kept", "_lines", "_options", "_words", "walk")

    def __init__(self, words: Words, options: Asked, walk: Walk, begin: int, alone: str | None, keep: bool) -> None:
        self.walk = walk
        self._words, self._options, self._begin, self._keep = words, options, begin, keep
        self._kept = Kept(options.limit if options.bind else 0)
        self._carried = [alone] if alone is not None and options.carry and options.bind else None
        self._head = b""
        self._lines: list[tuple[Cut, bytes]] = []

    def note(self, tag: str, wrong: Sequence[tuple[str, int, str]], shown: Callable[[int], str]) -> None:
        """Note faults of its header or trailer by its own codes; notes on those elements would say it twice.

        `shown` gives the value of an element.
        """
        elements, walk = {element for _, element, _ in wrong}, self.walk
        if elements:
            walk.faults = [fault for fault in walk.faults if fault.tag != tag or fault.element not in elements]
        for code, element, text in wrong:
            walk.fault(code, text, tag=tag, element=element, value=shown(element)[:100])

    def run(self, run: Pieces, index: int, known: tuple[int, int]) -> tuple[int, tuple[int, int]]:
        """Take segments from `index`; return the first that is not its own, and where a known one begins."""
        walk = self.walk
        following = walk.run(run.segments, index, run.locate)
        if self._carried is not None and not self._kept.overfull:
            self._carried += run.segments[index:following]
        if walk.units is not None:
            for cut in walk.units.take():
                known = (cut.index, run.begin(cut.index, known))
                self._cut(cut, run.text[self._begin : known[1]])
                self._begin = known[1]
        if self._keep and (walk.over or following < len(run.segments)):
            known = (following, run.begin(following, known))
            self._kept.take(run.text[self._begin : known[1]])
            self._begin = known[1]
        return following, known

    def _cut(self, cut: Cut, text: str) -> None:
        """Keep a line of a streamed one apart from the next."""
        self._kept.take(text)
        raw = self._kept.raw()
        self._kept.clear()
        if cut.number:
            self._lines.append((cut, raw))
        else:
            self._head = raw[:KEPT]

    def lines(self, envelope: Mapping[str, str]) -> Iterator[Part]:
        """Give the lines that were read since the last call, each with what stands before the first of them."""
        lines, self._lines = self._lines, []
        units = self.walk.units
        for cut, raw in lines:
            of_line = {**envelope, "edi_line": str(cut.number)}
            if cut.line is not None and units is not None:
                yield Part({**units.header, "line": cut.line}, raw, findings=_findings(cut.faults), envelope=of_line)
                continue
            # a line that fails with its set, or beyond what is told of a set, says why in one word
            faults = cut.faults if errors(cut.faults) else [*cut.faults, *errors(self.walk.faults)[:1]]
            error = self._words.sentence(faults, 0, f"{self._label}, line {cut.number}")
            yield Part(None, raw, error, _findings(faults), of_line)

    def pause(self, run: Pieces) -> None:
        """Keep the rest of a run; it goes on in the next."""
        if self._keep:
            self._kept.take(run.text[self._begin :])
        self._begin = 0
        if self._kept.overfull and self._options.bind:
            self.walk.failed = True
            self.walk.forget()
            self._carried = None

    def close(self, proper: bool) -> str:
        """End it; return whether it is accepted `A`, accepted with faults noted `E`, rejected `R`.

        `proper` = with its trailer, which was checked before.
        """
        walk, words, options = self.walk, self._words, self._options
        walk.close()
        if not proper:
            text = f"{words.kind} {walk.context[2][:20] or '?'} ends without {words.trailer}"
            walk.fault("set.no-trailer", text, tag=words.trailer)
        full = len(walk.faults) >= walk.limits.faults and bool(errors(walk.faults))
        if self._kept.overfull and options.bind and not full:
            # where more is wrong than is told, this would only be counted as one fault more of its sender
            walk.fault("set.too-large", f"the {words.kind} is larger than {options.limit} bytes; raise limit:")
        document, units = walk.finish(), walk.units
        if units is not None and units.number and options.bind:
            # the lines have gone their way, but they are still counted
            document = {**document, units.into: range(units.number)}
        if not walk.failed and options.bind:
            check(walk, document)
        noted = bool(walk.faults) and any(fault.severity == "warning" for fault in walk.faults)
        if units is not None and units.bad:
            noted = True
            walk.failed = walk.failed or options.reject != words.kind
        return "R" if walk.failed else "E" if noted else "A"

    def part(
        self, code: str, envelope: dict[str, str], plain: Callable[[list[str], bytes], Any], unit: int = 0
    ) -> Part | None:
        """Return what it becomes: a document, an exception with its bytes, or nothing if its lines were given.

        `plain` makes a document of segments that are carried.
        """
        walk, raw = self.walk, self._head + self._kept.raw()
        findings = _findings(walk.faults)
        if code != "R":
            if walk.units is not None and walk.units.number:
                return None
            return Part(walk.document, raw, findings=findings, envelope=envelope, unit=unit)
        if self._carried is not None and not self._kept.overfull:
            return Part(plain(self._carried, raw), raw, findings=findings, envelope=envelope)
        return Part(None, raw, self._words.sentence(walk.faults, walk.untold, self._label), findings, envelope)

    @property
    def _label(self) -> str:
        return f"{self._words.header} {self.walk.context[2]}"


def _findings(faults: Sequence[Fault]) -> tuple[Finding, ...]:
    return tuple(fault.finding() for fault in faults) if faults else ()
