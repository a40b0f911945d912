"""How fast X12 is read and written, side by side with the limit: split() of the same bytes in the same minutes.

A busy machine moves every figure, so what counts is the ratio to the limit within a run: each round measures all
contestants one after another, and the table gives the medians. The collector of cycles runs as in the processes of esb.
A reader that is slower by far (pyx12) reads a smaller interchange; its figures are for each byte, as the others' are.

    python bench/edi.py [--mb 10] [--rounds 5] [--json]
    python bench/edi.py --memory sets|one|lines [--mb 100]   peak memory of a reader, in its own process:
                                                             many sets, one set as events, one set line by line
    python bench/edi.py --overlays [--partners 20]           how long the overlays of so many partners take to compile
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from pyx12.rawx12file import RawX12File  # type: ignore[import-untyped]
from pyx12.x12file import X12Reader as Pyx12Reader  # type: ignore[import-untyped]

from esb.formats.edi.patterns import Marks
from esb.formats.x12.codec import X12, X12Format
from esb.formats.x12.framing import Framer, Run
from esb.formats.x12.reader import X12Reader
from esb.formats.x12.scanner import X12Scanner

PIECE = 1 << 16
LINES = 6
HEAD = (
    b"ISA*00*          *00*          *ZZ*ACME           *ZZ*HOUSE          *261121*0930*U*00401*000000101*0*P*>~"
    b"GS*PO*ACME*HOUSE*20261121*0930*7*X*004010~"
)
ENVELOPE = {"sender": {"id": "ACME"}, "receiver": {"id": "HOUSE"}}
FOREIGN = 500_000
"""Bytes that a slow reader reads."""
OVERLAY = b"""edi:
  change:
    '850':
      - { at: 'REF[DP]', use: M }
      - { at: 'REF[IA]', use: M }
      - { at: 'parties[ST].N4.zip', pattern: '[0-9]{5}' }
      - { at: 'parties[BY]', use: M }
      - { at: lines.PO1.unit, codes: [EA, CA] }
      - { at: 'lines.PO1.ids[UP]', use: M }
      - { at: lines.PO1, drop: C0302 }
      - { at: lines.PID, use: M }
      - { at: CSH, use: X }
      - { at: order.number, length: 1..22 }
    '856':
      - { at: 'HL[P].MAN', use: M }
      - { at: 'HL[S].TD5', use: M }
    '810':
      - { at: lines, min: 1 }
"""


def interchange(megabytes: float) -> Iterator[bytes]:
    """Give one interchange of 850s of about this size, piece by piece; every set has its own numbers."""
    yield HEAD
    size = count = 0
    while size < megabytes * 1e6:
        count += 1
        made = order(count)
        size += len(made)
        yield made
    yield b"GE*%d*7~IEA*1*000000101~" % count


def order(number: int) -> bytes:
    """Return one 850 with a few lines."""
    control = b"%09d" % number
    segments = [
        b"ST*850*" + control,
        b"BEG*00*SA*PO%07d**20261121" % number,
        b"CUR*BY*USD",
        b"REF*DP*%03d" % (number % 900),
        b"REF*IA*4477",
        b"PER*BD*Jane Doe*TE*5551234567*EM*jane@acme.example",
        b"DTM*010*20261201",
        b"N1*BY*ACME STORES INC*92*0001",
        b"N1*ST*ACME DC %d*92*%04d" % (number % 50, number % 10000),
        b"N3*%d Industrial Parkway" % (number % 9999),
        b"N4*Springfield*IL*62701*US",
    ]
    for line in range(1, LINES + 1):
        sku = (number * 7 + line) % 100000
        segments.append(
            b"PO1*%d*%d*EA*%d.%02d**VP*SKU-%05d*UP*0%011d" % (line, line * 3, sku % 90 + 1, sku % 100, sku, sku)
        )
        segments.append(b"PID*F****Widget, zinc plated, size %d" % (sku % 12))
    segments.append(b"CTT*%d" % LINES)
    segments.append(b"SE*%d*%s" % (len(segments) + 1, control))
    return b"~".join(segments) + b"~"


def split_limit(pieces: list[bytes]) -> int:
    """The limit: decode, split by terminator, split by element, nothing checked and nothing kept."""
    count = 0
    for segment in b"".join(pieces).decode("latin-1").split("~"):
        segment.split("*")
        count += 1
    return count


def framing(pieces: list[bytes]) -> int:
    """Interchanges found, separators taken from the data, segments cut."""
    framer = Framer(1_000_000)
    count = 0
    for piece in pieces:
        for event in framer.feed(piece):
            if isinstance(event, Run):
                count += len(event.segments)
    for event in framer.feed(b"", final=True):
        if isinstance(event, Run):
            count += len(event.segments)
    return count


def read(reader: X12Reader, pieces: list[bytes]) -> int:
    """Feed a reader and drop what it gives; every set must be good."""
    for piece in pieces:
        for part in reader.feed(piece):
            assert not part.error, part.error
    answers = reader.end()
    assert len(answers) == 1 and b"AK9*A" in answers[0].body
    return reader.sets


def one_order(megabytes: float) -> Iterator[bytes]:
    """Give one interchange of a single 850 of about this size: a few thousand bytes for each of its lines."""
    yield HEAD + b"ST*850*0001~BEG*00*SA*PO1**20261121~"
    size = count = 0
    while size < megabytes * 1e6:
        count += 1
        sku = count % 100_000
        made = b"PO1*%d*%d*EA*%d.%02d**VP*SKU-%05d~" % (count, count % 9 + 1, sku % 90 + 1, sku % 100, sku)
        made += b"PID*F****Widget, zinc plated, ten in a bag, size %d~" % (sku % 12) * 30
        size += len(made)
        yield made
    yield b"CTT*%d~SE*%d*0001~GE*1*7~IEA*1*000000101~" % (count, 31 * count + 4)


def scanned(pieces: list[bytes]) -> int:
    """What an intake does before it reads: interchanges and whose they are, digests over their segments."""
    scanner = X12Scanner(1_000_000, False)
    for piece in pieces:
        scanner.feed(piece)
    (found,) = scanner.end()
    assert found.whole
    return 1


def faulty(pieces: list[bytes]) -> list[bytes]:
    """Return the input with one of ten sets made wrong: a unit of three letters, a date that is none."""
    sets = b"".join(pieces).split(b"ST*850*")
    for at in range(10, len(sets), 10):
        sets[at] = sets[at].replace(b"*EA*", b"*EACH*", 1).replace(b"**20261121", b"**20261131", 1)
    return cut(b"ST*850*".join(sets))


def cut(made: bytes) -> list[bytes]:
    """Return bytes in the pieces that an intake feeds."""
    return [made[at : at + PIECE] for at in range(0, len(made), PIECE)]


def read_faulty(reader: X12Reader, pieces: list[bytes]) -> int:
    """Feed a reader; one of ten sets is refused."""
    good = sum(not part.error for piece in pieces for part in reader.feed(piece))
    answers = reader.end()
    assert b"AK9*P" in answers[-1].body and good > 0.85 * reader.sets
    return reader.sets


def written(made: X12Format, documents: list[Any]) -> int:
    """Write documents as interchanges of 100; return how many bytes they are."""
    return sum(len(made.render(documents[at : at + 100])) for at in range(0, len(documents), 100))


def pyx12_raw(data: str) -> int:
    """pyx12's raw reader: segments as text."""
    return sum(1 for _ in RawX12File(io.StringIO(data)))


def pyx12_reader(data: str) -> int:
    """pyx12's X12Reader: segments, counts and control numbers of the envelope; no 850 map ships with it."""
    return sum(1 for _ in Pyx12Reader(io.StringIO(data)))


def contestants(pieces: list[bytes]) -> dict[str, tuple[float, Callable[[], int]]]:
    """Return what is measured, by name, with the megabytes that it goes through; the first is the limit."""
    made = X12(guide="x12/850").build({})
    writer = X12(guide="x12/850", envelope=ENVELOPE).build({})
    assert isinstance(made, X12Format) and isinstance(writer, X12Format)
    size = sum(map(len, pieces)) / 1e6
    wrong = faulty(pieces)
    some = cut(b"".join(interchange(min(size, 1.0))))
    documents = [part.body for part in read_parts(made, some) if not part.acknowledgment]
    foreign = b"".join(interchange(min(size, FOREIGN / 1e6))).decode()
    return {
        "limit: split()": (size, lambda: split_limit(pieces)),
        "framing": (size, lambda: framing(pieces)),
        "interchanges, with digests": (size, lambda: scanned(pieces)),
        "validation as events": (size, lambda: read(X12Reader(made.options(bind=False)), pieces)),
        "named documents": (size, lambda: read(X12Reader(made.options()), pieces)),
        "documents, 1 of 10 sets bad": (size, lambda: read_faulty(X12Reader(made.options()), wrong)),
        "writing": (written(writer, documents) / 1e6, lambda: written(writer, documents)),
        "pyx12 RawX12File": (len(foreign) / 1e6, lambda: pyx12_raw(foreign)),
        "pyx12 X12Reader": (len(foreign) / 1e6, lambda: pyx12_reader(foreign)),
    }


def read_parts(made: X12Format, pieces: list[bytes]) -> list[Any]:
    """Return all parts of an input."""
    reader = made.reader()
    return [part for piece in pieces for part in reader.feed(piece)] + list(reader.end())


def measure(megabytes: float, rounds: int) -> dict[str, dict[str, float]]:
    """Return for each contestant its median MB/s of processor time, and its median ratio to the limit."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    pieces = cut(b"".join(interchange(megabytes)))
    found = contestants(pieces)
    rates: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, (size, work) in found.items():
            begin = time.process_time()
            work()
            rates[name].append(size / (time.process_time() - begin))
    limit = rates["limit: split()"]
    return {
        name: {
            "mb_per_s": statistics.median(own),
            "times_limit": statistics.median(most / one for most, one in zip(limit, own, strict=True)),
        }
        for name, own in rates.items()
    }


def peak(kind: str, megabytes: float) -> dict[str, float]:
    """Return the peak memory of this process while it reads a stream of this size, in MB."""
    made = X12().build({})
    assert isinstance(made, X12Format)
    given = interchange(megabytes) if kind == "sets" else one_order(megabytes)
    readers: dict[str, Callable[[], Any]] = {
        "sets": made.reader,
        "one": lambda: X12Reader(made.options(bind=False)),
        "lines": lambda: made.reader("line"),
    }
    reader, parts = readers[kind](), 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for piece in given:
        found = reader.feed(piece)
        assert not any(part.error for part in found)
        parts += len(found)
    *rest, answer = reader.end()
    assert b"AK9*A" in answer.body and not any(part.error for part in rest)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"mb": megabytes, "parts": parts, "peak_mb": after, "added_mb": after - before}


def overlays(partners: int) -> dict[str, float]:
    """Return how many seconds of processor time the overlays of so many partners take, down to the machines."""
    X12().build({})
    begin = time.process_time()
    for number in range(partners):
        name = f"p{number}"
        made = X12(partner=name).build({f"schemas/partners/{name}.yaml": OVERLAY})
        assert isinstance(made, X12Format)
        for of in ("850", "856", "810"):
            assert made.library.machine(of, "004010", Marks("*", ">", "", "~")) is not None
    return {"partners": partners, "seconds": time.process_time() - begin}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=10.0, help="size of the input in MB")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--memory", choices=("sets", "one", "lines"), help="measure peak memory instead of speed")
    parser.add_argument("--overlays", action="store_true", help="measure the compilation of overlays instead")
    parser.add_argument("--partners", type=int, default=20, help="how many overlays")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    if given.memory or given.overlays:
        found: dict[str, Any] = overlays(given.partners) if given.overlays else peak(given.memory, given.mb)
    else:
        found = dict(measure(given.mb, given.rounds))
    if given.json or given.memory or given.overlays:
        json.dump(found, sys.stdout, indent=2)
        print()
        return
    print(f"X12 850, {given.mb:g} MB, {given.rounds} rounds, processor time")
    for name, row in found.items():
        print(f"{name:<28} {row['mb_per_s']:8.2f} MB/s {row['times_limit']:7.1f} x limit")


if __name__ == "__main__":
    main()
