"""Checking: what happened against what a case expects; every difference is told so that it can be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esb.errors import EsbError
from esb.message import BusinessKey, End, Park, Send
from esb.testing.route_test import golden
from esb.testing.route_test.bench import Bench, Happened
from esb.testing.route_test.case_files import ReadCase
from esb.testing.route_test.cases import ExpectedAcknowledgment, ExpectedFailure, Sent
from esb.testing.route_test.comparing import difference_lines, differences, printable, shown, text_differences
from esb.testing.route_test.reading_back import Body, body_of
from esb.testing.route_test.running import Failed, kind_of


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as expected: what, and the lines of the difference (`-` expected, `+` what came)."""

    text: str
    lines: tuple[str, ...] = ()


def check(case: ReadCase, happened: Happened, bench: Bench, update: bool = False) -> list[Problem]:
    """Return what is not as a case expects; `update` writes golden files instead of comparing them."""
    return list(_Check(case, happened, bench, update).problems())


class _Check:
    def __init__(self, case: ReadCase, happened: Happened, bench: Bench, update: bool) -> None:
        self._case, self._expect, self._happened = case, case.spec.expect, happened
        self._bench, self._update = bench, update

    def problems(self) -> Iterator[Problem]:
        ran = self._happened.ran
        missing = [Problem(each.missing) for each in ran if each.missing]
        if missing:  # whatever else differs follows from that
            yield from missing
            return
        yield from self._documents()
        yield from _paired("bad documents", self._expect.bad, self._happened.bad, _bad_faults, str)
        failures = [each.failed for each in ran if each.failed is not None]
        yield from _paired("failures", self._expect.failures, failures, _failure_faults, _failure_words)
        yield from self._sends()
        parks = [park for each in ran for park in each.result.parks]
        yield from _paired("parked messages", self._expect.parked, parks, _park_faults, _park_words)
        ends = [end for each in ran for end in each.result.ends]
        yield from _paired("ends", self._expect.ended, ends, _end_faults, _end_words)
        yield from self._released(parks)
        yield from self._acknowledgments()
        held = [key for each in ran for key in each.business_keys()]
        yield from (Problem(text) for text in _key_faults(self._expect.keys, held))

    def _documents(self) -> Iterator[Problem]:
        expected, got = self._expect.documents, self._happened.documents
        if expected is not None and expected != got:
            yield Problem(f"{expected} documents were expected, {got} came")

    def _sends(self) -> Iterator[Problem]:
        by_name: dict[str, list[Send]] = {}
        for send in (send for each in self._happened.ran for send in each.result.sends):
            by_name.setdefault(send.to.partition("/")[2], []).append(send)
        for name, expected in self._expect.sends.items():
            sends = by_name.pop(name, [])
            if isinstance(expected, int):
                if len(sends) != expected:
                    yield Problem(f"{name}: {_count(expected)} expected, {len(sends)} left", self._bodies(sends))
            else:
                faults = self._send_faults
                yield from _paired(f"{name}: messages", expected, sends, faults, self._body_words, numbered=name)
        for name, sends in by_name.items():
            text = (
                f"{name}: {_count(len(sends))} left, and the case expects none; write under sends: {name}: {len(sends)}"
            )
            yield Problem(text, self._bodies(sends))

    def _send_faults(self, expected: Sent, send: Send) -> list[str]:
        body = body_of(send.message, self._reader(send))
        headers = _subset("header", expected.headers, send.message.headers)
        return [*self._body_faults(expected, body), *headers, *_key_faults(expected.keys, send.message.keys)]

    def _body_faults(self, expected: Sent | ExpectedAcknowledgment, body: Body) -> list[str]:
        written = expected.model_fields_set
        if "file" in written:
            return self._golden(expected.file, body)
        if "body" in written:
            return _whole(expected.body, body)
        return _holds(expected.contains, body) if "contains" in written else []

    def _golden(self, name: str, body: Body) -> list[str]:
        try:
            return golden.compare(self._case.path(name), body, self._update)
        except (EsbError, OSError) as error:
            return [f"{Path(name).name}: {error}"]

    def _reader(self, send: Send) -> Any:
        room, _, name = send.to.partition("/")
        return self._bench.format(name) if room == "delivery" else None

    def _bodies(self, sends: Sequence[Send]) -> tuple[str, ...]:
        return tuple(f"+ {self._body_words(send)}" for send in sends[:5])

    def _body_words(self, send: Send) -> str:
        return shown(body_of(send.message, self._reader(send)).raw)

    def _released(self, parks: Sequence[Park]) -> Iterator[Problem]:
        places = {park.place for park in parks}
        for place in self._case.spec.release:
            if place not in places:
                yield Problem(f"nothing was parked in {place}, so nothing was released from it")

    def _acknowledgments(self) -> Iterator[Problem]:
        expected = self._expect.acknowledgments
        if expected is None:
            return
        got = [Body(raw, "acknowledgment") for _, raw in self._happened.acknowledgments]
        yield from _paired("acknowledgments", expected, got, self._body_faults, lambda body: shown(body.raw))


def _paired(
    what: str,
    expected: Sequence[Any],
    got: Sequence[Any],
    faults: Callable[[Any, Any], list[str]],
    words: Callable[[Any], str],
    numbered: str = "",
) -> Iterator[Problem]:
    """Compare what was expected with what came, one by one; too many or too few is one problem of its own."""
    if len(expected) != len(got):
        came = [f"+ {words(each)}" for each in got[:10]]
        yield Problem(f"{what}: {len(expected)} expected, {len(got)} came", tuple(came))
    for number, (one, other) in enumerate(zip(expected, got, strict=False), 1):
        found = faults(one, other)
        if found:
            yield Problem(f"{numbered or what}, number {number}", tuple(found))


def _whole(expected: Any, body: Body) -> list[str]:
    if isinstance(expected, str):
        text = body.text.replace("\r\n", "\n")  # YAML texts have no other line ends
        if expected.strip("\n") == text.strip("\n"):
            return []
        document = _document(body)
        return [] if document == expected else text_differences(expected, text)
    document = _document(body)
    return _unreadable(body) if document is _UNREADABLE else difference_lines(differences(expected, document))


def _holds(expected: Any, body: Body) -> list[str]:
    if isinstance(expected, str):
        return [] if expected in body.text else [f"- … {printable(expected)} …", f"+ {shown(body.raw)}"]
    document = _document(body)
    if document is _UNREADABLE:
        return _unreadable(body)
    return difference_lines(differences(expected, document, subset=True))


_UNREADABLE = object()


def _document(body: Body) -> Any:
    try:
        return body.document()
    except EsbError:
        return _UNREADABLE


def _unreadable(body: Body) -> list[str]:
    return [
        f"the body is no {body.format} that could be compared with a document; expect a text",
        f"+ {shown(body.raw)}",
    ]


def _bad_faults(expected: str, got: str) -> list[str]:
    return _piece("reason", expected, got)


def _failure_faults(expected: ExpectedFailure, got: Failed) -> list[str]:
    faults = []
    if expected.step and expected.step not in (got.step, got.step.rpartition("/")[2]):
        faults += [f"- step: {expected.step}", f"+ step: {got.step}"]
    if expected.class_ is not None and expected.class_ != got.failure_class:
        faults += [f"- class: {expected.class_}", f"+ class: {got.failure_class}"]
    verdict = kind_of(got.verdict)
    if expected.verdict is not None and expected.verdict != verdict:
        faults += [f"- verdict: {expected.verdict}", f"+ verdict: {verdict} ({got.sentence})"]
    return faults + _piece("text", expected.text, got.text)


def _park_faults(expected: Any, got: Park) -> list[str]:
    place = [] if expected.place == got.place else [f"- place: {expected.place}", f"+ place: {got.place}"]
    return place + _piece("reason", expected.reason, got.reason)


def _end_faults(expected: Any, got: End) -> list[str]:
    same = expected.outcome == got.outcome
    outcome = [] if same else [f"- outcome: {expected.outcome}", f"+ outcome: {got.outcome}"]
    return outcome + _piece("reason", expected.reason, got.reason)


def _piece(what: str, expected: str, got: str) -> list[str]:
    return [] if expected in got else [f"- {what}: … {printable(expected)} …", f"+ {what}: {printable(got)}"]


def _failure_words(failed: Failed) -> str:
    return f"{failed.step} ({failed.failure_class}): {printable(failed.text)}; {failed.sentence}"


def _park_words(park: Park) -> str:
    return f"{park.place}: {printable(park.reason)} (step {park.step})"


def _end_words(end: End) -> str:
    return f"{end.outcome}: {printable(end.reason)} (step {end.step})"


def _subset(what: str, expected: Mapping[str, str], got: Mapping[str, str]) -> list[str]:
    faults = []
    for name, value in expected.items():
        if got.get(name) != value:
            faults.append(f"- {what} {name}: {value}")
            faults += [f"+ {what} {name}: {printable(got[name])}"] if name in got else []
    return faults


def _key_faults(expected: Mapping[str, str], got: Sequence[BusinessKey]) -> list[str]:
    faults = []
    for kind, value in expected.items():
        values = [key.value for key in got if key.kind == kind]
        if value not in values:
            faults += [
                f"- key {kind}: {value}",
                *(f"+ key {kind}: {printable(other)}" for other in dict.fromkeys(values)),
            ]
    return faults


def _count(number: int) -> str:
    return "1 message" if number == 1 else f"{number} messages"
