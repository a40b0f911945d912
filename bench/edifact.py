"""How fast EDIFACT is read and written, side by side with the limit: split() of the same bytes in the same minutes.

How it is measured is said in `bench/edi_rounds.py`. pydifact reads only the beginning; its figures are for each byte,
as the others' are.

    python -m bench.edifact [--mb 10] [--rounds 5] [--json]
    python -m bench.edifact --memory messages|one|lines [--mb 100]   peak memory of a reader, in its own process
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from pydifact.parser import Parser

from bench.edi_rounds import LIMIT, Bench, Reader, Work, arguments, cut, framing, show, split_limit
from esb.formats.edifact.codec import Edifact, EdifactFormat
from esb.formats.edifact.framing import Framer
from esb.formats.edifact.reader import EdifactReader

LINES = 6
HEAD = b"UNA:+.? 'UNB+UNOC:3+5412345000013:14+4012345000009:14+261121:0930+REF0001++ORDERS'"
ENVELOPE = {"sender": {"id": "5412345000013", "qualifier": "14"}, "receiver": {"id": "4012345000009"}}
TEXT = b"FTX+AAI+++" + b":".join([b"Deliver at the gate behind the mill; call the yard before you come in"] * 5)
FOREIGN = 300_000
"""Bytes that a slow reader reads."""


def interchange(megabytes: float) -> Iterator[bytes]:
    """Give one interchange of ORDERS of about this size; every message has numbers of its own."""
    yield HEAD
    size = count = 0
    while size < megabytes * 1e6:
        count += 1
        made = order(count)
        size += len(made)
        yield made
    yield b"UNZ+%d+REF0001'" % count


def one_order(megabytes: float) -> Iterator[bytes]:
    """Give one interchange of a single ORDERS of about this size, with long texts: UNT counts 999,999 at most."""
    yield HEAD
    segments = header(1)
    yield b"'".join(segments) + b"'"
    size, count, written = 0, 0, len(segments)
    while size < megabytes * 1e6:
        count += 1
        made = line(1, count)
        made[4:4] = [TEXT] * 25
        written += len(made)
        text = b"'".join(made) + b"'"
        size += len(text)
        yield text
    yield b"UNS+S'CNT+2:%d'UNT+%d+1'UNZ+1+REF0001'" % (count, written + 3)


def header(number: int) -> list[bytes]:
    """Return the segments before the lines; every third message has a released separator in its text."""
    mark = b"?:" if number % 3 == 0 else b","
    return [
        b"UNH+%d+ORDERS:D:96A:UN:EAN008" % number,
        b"BGM+220+PO%07d+9" % number,
        b"DTM+137:20261121:102",
        b"DTM+2:20261201:102",
        b"FTX+PUR+3++Deliver to dock %d%s ring twice" % (number % 9, mark),
        b"RFF+CT:4477",
        b"NAD+BY+5412345000013::9++ACME STORES",
        b"CTA+OC+:Jane Doe",
        b"COM+jane@acme.example:EM",
        b"NAD+DP+54123450%05d::9++ACME DC %d+%d Industrial Parkway+Springfield++62701+US"
        % (number % 99_999, number % 50, number % 9999),
        b"NAD+SU+4012345000009::9",
        b"CUX+2:EUR:9",
    ]


def line(number: int, position: int) -> list[bytes]:
    """Return the segments of one line."""
    sku = (number * 7 + position) % 100_000
    return [
        b"LIN+%d++40008621%05d:EN" % (position % 1_000_000, sku),
        b"PIA+1+SKU-%05d:SA" % sku,
        b"IMD+F++:::Widget, zinc plated, size %d" % (sku % 12),
        b"QTY+21:%d:PCE" % (position % 999 * 3 + 1),
        b"PRI+AAA:%d.%02d" % (sku % 90 + 1, sku % 100),
    ]


def order(number: int) -> bytes:
    """Return one ORDERS with a few lines."""
    segments = header(number)
    for position in range(1, LINES + 1):
        segments += line(number, position)
    segments += [b"UNS+S", b"CNT+2:%d" % LINES]
    segments.append(b"UNT+%d+%d" % (len(segments) + 1, number))
    return b"'".join(segments) + b"'"


def read(reader: EdifactReader, pieces: list[bytes]) -> list[Any]:
    """Feed a reader; every message must be good."""
    found: list[Any] = []
    for piece in pieces:
        for part in reader.feed(piece):
            assert not part.error, part.error
            if not found:
                found.append(part.body)
    (answer,) = reader.end()
    assert b"+4'" not in answer.body
    return found


def pydifact(text: str) -> None:
    """Segments by pydifact, nothing checked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in Parser().parse(text):
            pass


def contestants(megabytes: float) -> dict[str, Work]:
    """Return what is measured; the first is the limit."""
    whole = b"".join(interchange(megabytes))
    pieces, size = cut(whole), len(whole) / 1e6
    made = Edifact(guide="edifact/ORDERS", envelope=ENVELOPE).build({})
    assert isinstance(made, EdifactFormat)
    documents = [part.body for part in made.reader("message").feed(whole[: min(1_000_000, len(whole) // 2)])]
    end = whole.index(b"'UNH+", min(FOREIGN, len(whole) // 2)) + 1
    return {
        LIMIT: Work(size, lambda: split_limit(pieces, "'", "+")),
        "framing": Work(size, lambda: framing(Framer(1_000_000, 1_000_000), pieces)),
        "validation as events": Work(size, lambda: read(EdifactReader(made.options(bind=False)), pieces), "at most 10"),
        "named documents": Work(size, lambda: read(EdifactReader(made.options()), pieces)),
        "writing": Work(len(made.render(documents)) / 1e6, lambda: made.render(documents), "at least 5 MB/s"),
        "pydifact Parser": Work(end / 1e6, lambda: pydifact(whole[:end].decode("latin-1"))),
    }


def messages(megabytes: float) -> tuple[Reader, Iterable[bytes]]:
    """Many messages as documents."""
    return EdifactReader(_format().options()), interchange(megabytes)


def one(megabytes: float) -> tuple[Reader, Iterable[bytes]]:
    """One message, validated as events."""
    return EdifactReader(_format().options(bind=False)), one_order(megabytes)


def lines(megabytes: float) -> tuple[Reader, Iterable[bytes]]:
    """One message, line by line as documents."""
    return EdifactReader(_format().options(stream=True)), one_order(megabytes)


def _format() -> EdifactFormat:
    made = Edifact(guide="edifact/ORDERS").build({})
    assert isinstance(made, EdifactFormat)
    return made


BENCH = Bench(
    "edifact",
    "EDIFACT ORDERS",
    contestants,
    {"messages": messages, "one": one, "lines": lines},
    peer="pydifact Parser",
    beside={"validation as events": 8, "named documents": 8},
)


def main() -> None:
    """Measure and print."""
    show(BENCH, arguments(BENCH, __doc__).parse_args())


if __name__ == "__main__":
    main()
