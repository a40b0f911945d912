"""Telling: what happened to each document, step by step, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from esb.envelope import encode_document
from esb.errors import EsbError
from esb.message import End, Message, Note, Park, Send
from esb.testing.route_test.answering import question
from esb.testing.route_test.bench import Happened
from esb.testing.route_test.comparing import difference_lines, differences, printable, shown
from esb.testing.route_test.reading_back import body_of
from esb.testing.route_test.running import Failed, Ran
from esb.testing.route_test.watching import Asked, Passage

_MOST_LINES: Final = 60
_WIDEST: Final = 2000
_MANY: Final = 12
"""With more differences than this, the document that came out is easier to read than the list of what changed."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells what happened; `trace` = every step, with what it did to the document."""

    happened: Happened
    trace: bool = False

    def lines(self) -> Iterator[str]:
        """Return the story, line by line; the first sign of a line says what it is."""
        begun = [ran for ran in self.happened.ran if not ran.at]
        for number, ran in enumerate(begun, 1):
            keys = "".join(f" · {key.kind}={printable(key.value)}" for key in ran.business_keys())
            yield f"document {number} of {len(begun)}{keys} · {ran.message.id[:12]}"
            yield from (f"  {line}" for line in self._ran(ran))
        for reason in self.happened.bad:
            yield f"✗ bad document: {printable(reason)}"
        for endpoint, raw in self.happened.acknowledgments:
            yield f"→ {endpoint}: acknowledgment"
            yield from _indented(raw.decode(errors="replace"))

    def _ran(self, ran: Ran) -> Iterator[str]:
        if self.trace:
            yield f"  as {ran.message.format}:"
            yield from _indented(_pretty(ran.message.body))
            holders = {holder for passage in ran.passages for holder in _holders(passage.path)}
            yield from (line for passage in ran.passages for line in _passage(passage, holders))
        else:
            yield from (line for passage in ran.passages for asked in passage.asked for line in _asked(asked))
            yield from (_note(note) for note in ran.result.notes if note.level != "debug")
        for send in ran.result.sends:
            yield from _send(send)
        yield from (f"■ {_park_words(park)}" for park in ran.result.parks)
        yield from (f"■ {_end_words(end)}" for end in ran.result.ends)
        if ran.failed is not None:
            yield f"✗ {_failed_words(ran.failed)}"
            yield f"    {ran.failed.sentence}"
        if ran.missing:
            yield f"✗ {printable(ran.missing)}"
        if _nowhere(ran):
            yield "■ it passed every step, and no step sends it anywhere"

    def sentence(self) -> str:
        """Return how many documents came and where they ended."""
        ran = self.happened.ran
        counts = (
            (sum(len(each.result.sends) for each in ran), "to send", "to send"),
            (len(self.happened.acknowledgments), "acknowledgment", "acknowledgments"),
            (sum(len(each.result.parks) for each in ran), "parked", "parked"),
            (sum(len(each.result.ends) for each in ran), "ended", "ended"),
            (sum(each.failed is not None for each in ran), "failed", "failed"),
            (sum(bool(each.missing) for each in ran), "without an answer", "without an answer"),
            (len(self.happened.bad), "bad", "bad"),
        )
        parts = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
        documents = self.happened.documents
        came = "1 document" if documents == 1 else f"{documents} documents"
        return f"{came}: {', '.join(parts) or 'nothing came of it'}; nothing has left"


def _nowhere(ran: Ran) -> bool:
    result = ran.result
    return not (result.sends or result.parks or result.ends or ran.failed or ran.missing)


def _holders(path: str) -> Iterator[str]:
    """Return the paths of the steps that a step stands in."""
    while path := path.rpartition("/")[0]:
        yield path


def _passage(passage: Passage, holders: Container[str]) -> Iterator[str]:
    """Tell one step: what it did, asked and changed. What steps inside it did (`holders` have some) they tell."""
    depth = "  " * (passage.path.count("/") // 2)
    sign = "✓" if passage.outputs is not None else "✗"
    yield f"{depth}{sign} {passage.path}: {printable(passage.entry.spec.sentence())}"
    inner = [line for asked in passage.asked for line in _asked(asked)]
    outputs = passage.outputs or ()
    inner += [printable(item.text) for item in outputs if isinstance(item, Note) and item.step == passage.path]
    if passage.path not in holders:
        inner += _changes(passage.given, [item for item in outputs if isinstance(item, Message)])
        inner += [] if passage.failure is None else [f"✗ {printable(str(passage.failure))}"]
    yield from (f"{depth}    {line}" for line in inner)


def _changes(before: Message, after: Sequence[Message]) -> list[str]:
    if len(after) > 1:
        return [f"→ {len(after)} messages"]
    if not after:
        return []
    (now,) = after
    return [*_body_changes(before, now), *_beside(before, now)]


def _body_changes(before: Message, now: Message) -> list[str]:
    if now.body is before.body:
        return []
    found = differences(before.body, now.body)
    related = isinstance(before.body, dict) and isinstance(now.body, dict) and before.body.keys() & now.body.keys()
    if related and len(found) <= _MANY:
        return difference_lines(found)
    return [f"the body is now ({now.format}):", *_indented(_pretty(now.body))]


def _beside(before: Message, now: Message) -> list[str]:
    headers = differences(dict(before.headers), dict(now.headers))
    lines = [line.replace("$", "headers", 1) for line in difference_lines(headers)]
    return lines + [f"+ key {key.kind}: {printable(key.value)}" for key in now.keys if key not in before.keys]


def _asked(asked: Asked) -> Iterator[str]:
    yield f"? {printable(question(asked.ask))}"
    if asked.open:
        return
    if asked.failure is not None:
        yield f"  ← {type(asked.failure).__name__}: {printable(str(asked.failure))}"
    elif isinstance(asked.answer, bytes):
        yield f"  ← {asked.answer.decode()}"
    else:
        yield f"  ← {shown(asked.answer)}"


def _send(send: Send) -> Iterator[str]:
    body = body_of(send.message, None)
    room, _, name = send.to.partition("/")
    what = "event " if room == "event" else ""
    yield f"→ {what}{name}: {body.format}, {len(body.raw)} bytes (step {send.step})"
    yield from _indented(body.text)


def _indented(text: str) -> Iterator[str]:
    lines = printable(text[: _WIDEST * _MOST_LINES]).rstrip("\n").split("\n")
    for line in lines[:_MOST_LINES]:
        yield f"    {line[:_WIDEST]}{'…' if len(line) > _WIDEST else ''}"
    if len(lines) > _MOST_LINES:
        yield f"    … {len(lines) - _MOST_LINES} more lines; --json shows all"


def _pretty(body: Any) -> str:
    if isinstance(body, bytes):
        return body.decode(errors="replace")
    if isinstance(body, str):
        return body
    try:
        return msgspec.json.format(encode_document(body), indent=2).decode()
    except (EsbError, TypeError, ValueError, RecursionError):
        return repr(body)


def _note(note: Note) -> str:
    return f"{'!' if note.level == 'warning' else '·'} {note.step}: {printable(note.text)}"


def _park_words(park: Park) -> str:
    return f"parked in {park.place}: {printable(park.reason)} (step {park.step})"


def _end_words(end: End) -> str:
    return f"ended as {end.outcome}: {printable(end.reason)} (step {end.step})"


def _failed_words(failed: Failed) -> str:
    return f"step {failed.step} failed ({failed.failure_class}): {printable(failed.text)}"
