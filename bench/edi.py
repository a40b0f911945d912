"""How fast X12 is read, side by side with the limit: split() of the same bytes in the same minutes.

A busy machine moves every figure, so what counts is the ratio to the limit within a run: each round measures all
contestants one after another, and the table gives the medians.

    python bench/edi.py [--mb 10] [--rounds 5] [--json]
    python bench/edi.py --memory [--mb 100]      peak memory of a reader that is fed many sets, in its own process
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator

from esb.formats.x12.codec import X12, X12Format
from esb.formats.x12.framing import Framer, Run
from esb.formats.x12.reader import X12Reader

PIECE = 1 << 16
LINES = 6


def interchange(megabytes: float) -> Iterator[bytes]:
    """Give one interchange of 850s of about this size, piece by piece; every set has its own numbers."""
    yield (
        b"ISA*00*          *00*          *ZZ*ACME           *ZZ*HOUSE          *261121*0930*U*00401*000000101*0*P*>~"
        b"GS*PO*ACME*HOUSE*20261121*0930*7*X*004010~"
    )
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


def contestants() -> dict[str, Callable[[list[bytes]], int]]:
    """Return what is measured, by name; the first is the limit."""
    made = X12(guide="x12/850").build({})
    assert isinstance(made, X12Format)
    return {
        "limit: split()": split_limit,
        "framing": framing,
        "validation": lambda pieces: read(X12Reader(made.options(bind=False)), pieces),
        "named documents": lambda pieces: read(X12Reader(made.options()), pieces),
    }


def measure(megabytes: float, rounds: int) -> dict[str, dict[str, float]]:
    """Return for each contestant its median MB/s of processor time, and its median ratio to the limit."""
    made = b"".join(interchange(megabytes))
    pieces = [made[at : at + PIECE] for at in range(0, len(made), PIECE)]
    size = len(made) / 1e6
    times: dict[str, list[float]] = {}
    ratios: dict[str, list[float]] = {}
    for _ in range(rounds):
        limit = 0.0
        for name, work in contestants().items():
            begin = time.process_time()
            work(pieces)
            spent = time.process_time() - begin
            limit = limit or spent
            times.setdefault(name, []).append(spent)
            ratios.setdefault(name, []).append(spent / limit)
    return {
        name: {"mb_per_s": size / statistics.median(times[name]), "times_limit": statistics.median(ratios[name])}
        for name in times
    }


def peak(megabytes: float) -> dict[str, float]:
    """Return what reading a stream of this size adds to the memory of this process, in MB."""
    made = X12(guide="x12/850").build({})
    reader = made.reader("transaction")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    parts = 0
    for piece in interchange(megabytes):
        parts += len(reader.feed(piece))
    parts += len(reader.end())
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"mb": megabytes, "parts": parts, "peak_mb": after, "added_mb": after - before}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=10.0, help="size of the input in MB")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--memory", action="store_true", help="measure peak memory instead of speed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    if given.memory:
        found: dict[str, object] = dict(peak(given.mb))
    else:
        found = dict(measure(given.mb, given.rounds))
    if given.json or given.memory:
        json.dump(found, sys.stdout, indent=2)
        print()
        return
    print(f"X12 850, {given.mb:g} MB, {given.rounds} rounds, processor time")
    for name, row in measure_rows(found):
        print(f"{name:<18} {row['mb_per_s']:8.1f} MB/s {row['times_limit']:6.1f} x limit")


def measure_rows(found: dict[str, object]) -> Iterator[tuple[str, dict[str, float]]]:
    """Give the rows of the table."""
    for name, row in found.items():
        assert isinstance(row, dict)
        yield name, row


if __name__ == "__main__":
    main()
