"""How fast EDIFACT is read and written, side by side with the limit: split() of the same bytes in the same minutes.

A busy machine moves every figure, so what counts is the ratio to the limit within a run: each round measures all
contestants one after another, and the table gives the medians. A reader that is slower by far (pydifact) reads only the
beginning; its figures are for each byte, as the others' are.

    python bench/edifact.py [--mb 10] [--rounds 5] [--json]
    python bench/edifact.py --memory messages|one|lines [--mb 100]   peak memory of a reader, in its own process
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from pydifact.parser import Parser

from esb.formats.edifact.codec import Edifact, EdifactFormat
from esb.formats.edifact.framing import Framer
from esb.formats.edifact.reader import EdifactReader
from esb.formats.edifact.run import Run

PIECE = 1 << 16
LINES = 6
HEAD = b"UNA:+.? 'UNB+UNOC:3+5412345000013:14+4012345000009:14+261121:0930+REF0001++ORDERS'"
ENVELOPE = {"sender": {"id": "5412345000013", "qualifier": "14"}, "receiver": {"id": "4012345000009"}}
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
    """Give one interchange of a single ORDERS of about this size."""
    yield HEAD
    segments = header(1)
    yield b"'".join(segments) + b"'"
    size, count, written = 0, 0, len(segments)
    while size < megabytes * 1e6:
        count += 1
        made = line(1, count)
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


def split_limit(pieces: list[bytes]) -> None:
    """The limit: decode, split by terminator, split by element, nothing checked, nothing released, nothing kept."""
    for segment in b"".join(pieces).decode("latin-1").split("'"):
        segment.split("+")


def framing(pieces: list[bytes]) -> None:
    """Interchanges found, separators taken from the data, segments cut, released characters shielded."""
    framer = Framer(1_000_000, 1_000_000)
    count = sum(len(event.segments) for piece in pieces for event in framer.feed(piece) if isinstance(event, Run))
    rest = sum(len(event.segments) for event in framer.feed(b"", final=True) if isinstance(event, Run))
    assert count + rest


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


def foreign(pieces: list[bytes]) -> None:
    """Segments by pydifact, nothing checked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in Parser().parse(b"".join(pieces).decode("latin-1")):
            pass


def written(made: EdifactFormat, pieces: list[bytes]) -> int:
    """Write the documents of the beginning; return how many bytes they became."""
    reader = made.reader("message")
    documents = [part.body for part in reader.feed(b"".join(pieces)[: FOREIGN * 3])]
    begin = time.process_time()
    size = len(made.render(documents))
    return int(size / (time.process_time() - begin))


def measure(megabytes: float, rounds: int) -> dict[str, dict[str, float]]:
    """Return for each contestant its median MB/s of processor time, and its median ratio to the limit."""
    whole = b"".join(interchange(megabytes))
    pieces = [whole[at : at + PIECE] for at in range(0, len(whole), PIECE)]
    made = Edifact(guide="edifact/ORDERS", envelope=ENVELOPE).build({})
    assert isinstance(made, EdifactFormat)
    end = whole.index(b"'UNH+", min(FOREIGN, len(whole) // 2)) + 1
    contestants: dict[str, tuple[Callable[[list[bytes]], object], list[bytes]]] = {
        "limit: split()": (split_limit, pieces),
        "framing": (framing, pieces),
        "validation": (lambda given: read(EdifactReader(made.options(bind=False)), given), pieces),
        "named documents": (lambda given: read(EdifactReader(made.options()), given), pieces),
        "pydifact (segments)": (foreign, [whole[:end]]),
    }
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (work, given) in contestants.items():
            begin = time.process_time()
            work(given)
            rates.setdefault(name, []).append(sum(map(len, given)) / 1e6 / (time.process_time() - begin))
        rates.setdefault("writing", []).append(written(made, pieces) / 1e6)
    limits = rates["limit: split()"]
    return {
        name: {
            "mb_per_s": statistics.median(found),
            "times_limit": statistics.median(limit / rate for limit, rate in zip(limits, found, strict=True)),
        }
        for name, found in rates.items()
    }


def peak(megabytes: float, kind: str) -> dict[str, object]:
    """Return the peak memory of this process when it reads a stream of this size, in MB."""
    made = Edifact(guide="edifact/ORDERS").build({})
    assert isinstance(made, EdifactFormat)
    reader = EdifactReader(made.options(bind=kind != "one", stream=kind == "lines"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    parts = 0
    for piece in interchange(megabytes) if kind == "messages" else one_order(megabytes):
        parts += len(reader.feed(piece))
    parts += len(reader.end())
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"kind": kind, "mb": megabytes, "parts": parts, "peak_mb": after, "added_mb": after - before}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=10.0, help="size of the input in MB")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--memory", choices=("messages", "one", "lines"), help="measure peak memory instead of speed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    found: dict[str, Any] = peak(given.mb, given.memory) if given.memory else measure(given.mb, given.rounds)
    if given.json or given.memory:
        json.dump(found, sys.stdout, indent=2)
        print()
        return
    print(f"EDIFACT ORDERS, {given.mb:g} MB, {given.rounds} rounds, processor time")
    for name, row in found.items():
        print(f"{name:<20} {row['mb_per_s']:8.2f} MB/s {row['times_limit']:8.1f} x limit")


if __name__ == "__main__":
    main()
