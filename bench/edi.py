"""How fast X12 is read and written, side by side with the limit: split() of the same bytes in the same minutes.

How it is measured is said in `bench/edi_rounds.py`.

    python -m bench.edi [--mb 10] [--rounds 5] [--json]
    python -m bench.edi --memory sets|one|lines [--mb 100]   peak memory of a reader, in its own process:
                                                             many sets, one set as events, one set line by line
    python -m bench.edi --overlays [--partners 20]           how long the overlays of so many partners take to compile
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from pyx12.rawx12file import RawX12File  # type: ignore[import-untyped]
from pyx12.x12file import X12Reader as Pyx12Reader  # type: ignore[import-untyped]

from bench.edi_rounds import LIMIT, Bench, Reader, Work, arguments, cut, framing, show, split_limit
from esb.formats.edi.patterns import Marks
from esb.formats.x12.codec import X12, X12Format
from esb.formats.x12.framing import Framer
from esb.formats.x12.reader import X12Reader
from esb.formats.x12.scanner import X12Scanner

LINES = 6
HEAD = (
    b"ISA*00*          *00*          *ZZ*ACME           *ZZ*HOUSE          *261121*0930*U*00401*000000101*0*P*>~"
    b"GS*PO*ACME*HOUSE*20261121*0930*7*X*004010~"
)
ENVELOPE = {"sender": {"id": "ACME"}, "receiver": {"id": "HOUSE"}}
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


def contestants(megabytes: float) -> dict[str, Work]:
    """Return what is measured; the first is the limit."""
    made = X12(guide="x12/850").build({})
    writer = X12(guide="x12/850", envelope=ENVELOPE).build({})
    assert isinstance(made, X12Format) and isinstance(writer, X12Format)
    whole = b"".join(interchange(megabytes))
    pieces, size = cut(whole), len(whole) / 1e6
    wrong = faulty(pieces)
    some = cut(b"".join(interchange(min(megabytes, 1.0))))
    documents = [part.body for part in read_parts(made, some) if not part.acknowledgment]
    text = whole.decode()
    return {
        LIMIT: Work(size, lambda: split_limit(pieces, "~", "*")),
        "framing": Work(size, lambda: framing(Framer(1_000_000), pieces), "at most 2.5"),
        "interchanges, with digests": Work(size, lambda: scanned(pieces), "at most 2.5"),
        "validation as events": Work(
            size, lambda: read(X12Reader(made.options(bind=False)), pieces), "at most 8; better 5"
        ),
        "named documents": Work(size, lambda: read(X12Reader(made.options()), pieces), "at most 12; better 8"),
        "documents, 1 of 10 sets bad": Work(
            size, lambda: read_faulty(X12Reader(made.options()), wrong), "30 % slower at most"
        ),
        "writing": Work(written(writer, documents) / 1e6, lambda: written(writer, documents), "at least 5 MB/s"),
        "pyx12 RawX12File": Work(size, lambda: pyx12_raw(text)),
        "pyx12 X12Reader": Work(size, lambda: pyx12_reader(text)),
    }


def read_parts(made: X12Format, pieces: list[bytes]) -> list[Any]:
    """Return all parts of an input."""
    reader = made.reader()
    return [part for piece in pieces for part in reader.feed(piece)] + list(reader.end())


def sets(megabytes: float) -> tuple[Reader, Iterable[bytes]]:
    """Many sets as documents."""
    return _format().reader(), interchange(megabytes)


def one(megabytes: float) -> tuple[Reader, Iterable[bytes]]:
    """One set, validated as events."""
    return X12Reader(_format().options(bind=False)), one_order(megabytes)


def lines(megabytes: float) -> tuple[Reader, Iterable[bytes]]:
    """One set, line by line as documents."""
    return _format().reader("line"), one_order(megabytes)


def _format() -> X12Format:
    made = X12().build({})
    assert isinstance(made, X12Format)
    return made


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


BENCH = Bench(
    "edi",
    "X12 850",
    contestants,
    {"sets": sets, "one": one, "lines": lines},
    peer="pyx12 X12Reader",
    beside={"validation as events": 3},
    large={"validation as events": 12},
)


def main() -> None:
    """Measure and print."""
    parser = arguments(BENCH, __doc__)
    parser.add_argument("--overlays", action="store_true", help="measure the compilation of overlays instead")
    parser.add_argument("--partners", type=int, default=20, help="how many overlays")
    given = parser.parse_args()
    if given.overlays:
        print(json.dumps(overlays(given.partners), indent=2))
    else:
        show(BENCH, given)


if __name__ == "__main__":
    main()
