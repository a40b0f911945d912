"""Mutation fuzzer of the EDI codecs: whatever comes, nothing is raised, nothing hangs, and every answer is valid.

An input is a sample with a few changes, chosen by its seed alone, read in one of many ways: the same seed always is the
same input. `python -m esb.testing.edi_fuzz 0 1000000` tries a range; what fails is printed with its seed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from esb.edge import Part
from esb.formats import X12, Edifact
from esb.ports import Format

SLOW = 5.0
"""Seconds of processor time after which an input counts as one that hangs."""
_TOKENS = (
    b"~", b"*", b">", b"^", b"'", b"+", b":", b"?", b"\n", b"\r\n", b"\x00", b"\xff", b"\xc3\xa9", b"ISA*", b"IEA*",
    b"GS*", b"GE*1*1~", b"ST*850*0001~", b"SE*", b"~~", b"BIN*9*", b"BIN*99999999*", b"TA1*", b"HL*1**S~", b"LS*A~",
    b"UNA:+.? '",
    b"UNB+", b"UNZ+", b"UNH+", b"UNT+", b"UNG+", b"UNE+", b"UNO+", b"?'", b"??", b"-.5", b"1E5", b"999999999999",
    b"\xef\xbb\xbf", b"\x1a", b"N1*ST~", b"LIN+1'", b"PO1*1*x*EA~",
)  # fmt: skip
_ENVELOPE = 110
"""The beginning of a sample is changed seldom: other separators are other grammars, and take long to compile."""

X12_WAYS: tuple[tuple[str | None, dict[str, Any]], ...] = (
    (None, {}),
    ("transaction", {"acknowledge": "999", "ta1": "always"}),
    ("line", {}),
    ("transaction", {"reject": "group", "unsupported": "carry", "line_breaks": "remove"}),
    ("line", {"reject": "interchange", "acknowledge": "999"}),
    ("transaction", {"guide": "x12/850", "findings": 3, "depth": 3, "limit": "2KB", "segment_limit": "200B"}),
    ("transaction", {"partner": "fuzz"}),
    ("line", {"partner": "fuzz", "tolerate": ["el.too-many", "el.code", "loop.too-many", "seg.unexpected"]}),
)
EDIFACT_WAYS: tuple[tuple[str | None, dict[str, Any]], ...] = ((None, {}), ("message", {"reject": "interchange"}))
OVERLAY = b"""edi:
  change:
    '850':
      - { at: 'REF[DP]', use: M }
      - { at: 'parties[ST].N4.zip', pattern: '[0-9]+' }
      - { at: lines.PID, min: 1, max: 2 }
      - { at: lines.PO1.unit, codes: [EA] }
      - { at: 'lines.PO1.ids[UP]', use: M }
      - { at: CSH, use: X }
    '856':
      - { at: 'HL[P].MAN', use: M }
"""


class FuzzError(AssertionError):
    """An input that did what no input may; the text has its seed."""


@cache
def _made(standard: str, way: int) -> tuple[Format, str | None]:
    ways = X12_WAYS if standard == "x12" else EDIFACT_WAYS
    each, options = ways[way]
    spec = X12(**options) if standard == "x12" else Edifact(**options)
    return spec.build({"schemas/partners/fuzz.yaml": OVERLAY}), each


def fuzz(samples: Sequence[tuple[str, bytes]], seeds: range, told: Callable[[int], None] = lambda seed: None) -> int:
    """Try the inputs of a range of seeds on samples (standard, bytes); return how many parts they gave.

    Raises:
        FuzzError: One of them raised, took too long, or gave what no reader may give.
    """
    parts = 0
    for seed in seeds:
        standard, data, way, step = case(samples, seed)
        begin = time.process_time()
        try:
            parts += _try(standard, data, way, step)
        except Exception as error:
            raise FuzzError(f"seed {seed}: {standard}, way {way}, pieces of {step}: {error!r}\n{data!r}") from error
        if time.process_time() - begin > SLOW:
            raise FuzzError(f"seed {seed}: {standard}, way {way}: {time.process_time() - begin:.1f} seconds\n{data!r}")
        told(seed)
    return parts


def case(samples: Sequence[tuple[str, bytes]], seed: int) -> tuple[str, bytes, int, int]:
    """Return the input of a seed: its standard, its bytes, the way of reading and the size of the pieces."""
    chance = Random(seed)  # noqa: S311 - the same inputs every time, nothing secret
    standard, sample = samples[chance.randrange(len(samples))]
    data = bytearray(sample)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5, 9))):
        _change(data, chance, samples)
    ways = X12_WAYS if standard == "x12" else EDIFACT_WAYS
    return standard, bytes(data), chance.randrange(len(ways)), chance.choice((1 << 20, 1 << 20, 1 << 20, 997, 61, 7))


def _change(data: bytearray, chance: Random, samples: Sequence[tuple[str, bytes]]) -> None:
    low = 0 if chance.random() < 0.02 else min(_ENVELOPE, len(data))
    at = chance.randint(low, len(data))
    kind = chance.randrange(8)
    if kind == 0 and at < len(data):
        data[at] = chance.randrange(256)
    elif kind == 1:
        del data[at : at + chance.choice((1, 1, 2, 5, 20, 200))]
    elif kind == 2:
        data[at:at] = data[at : at + chance.choice((1, 3, 10, 60, 600))]
    elif kind == 3:
        data[at:at] = chance.choice(_TOKENS)
    elif kind == 4:
        del data[at:]
    elif kind == 5:
        other = samples[chance.randrange(len(samples))][1]
        cut = chance.randrange(len(other))
        data[at:at] = other[cut : cut + chance.choice((10, 100, 1000))]
    elif kind == 6:
        _swap(data, at, chance)
    else:
        data[at:at] = chance.choice((b"9", b"A", b" ", b"*", b"+", b":")) * chance.choice((2, 40, 400))


def _swap(data: bytearray, at: int, chance: Random) -> None:
    """Let two segments change places."""
    end = b"~" if b"~" in data else b"'"
    first = data.find(end, at)
    second = data.find(end, first + 1)
    third = data.find(end, second + 1)
    if -1 < first < second < third:
        data[first + 1 : third + 1] = data[second + 1 : third + 1] + data[first + 1 : second + 1]


def _try(standard: str, data: bytes, way: int, step: int) -> int:
    made, each = _made(standard, way)
    parts = _read(made, each, data, step)
    for part in parts:
        if part.error and part.body is not None and not part.acknowledgment:
            raise AssertionError(f"a document with an error: {part.error}")
        if part.acknowledgment:
            _check_answer(standard, part)
        elif not part.error and not isinstance(part.body, dict):
            raise AssertionError(f"neither document nor error: {part.body!r}")
    return len(parts)


def _check_answer(standard: str, part: Part) -> None:
    """An acknowledgment is read back without a fault, and is not answered."""
    plain, _ = _made(standard, 0)
    back = _read(plain, None, bytes(part.body), 1 << 20)
    wrong = [one.error or "it was answered" for one in back if one.error or one.acknowledgment]
    if wrong:
        raise AssertionError(f"an answer that is not valid: {wrong[0]}: {part.body!r}")


def _read(made: Format, each: str | None, data: bytes, step: int) -> list[Part]:
    reader = made.reader(each)
    parts: list[Part] = []
    for at in range(0, len(data), step):
        parts += reader.feed(data[at : at + step])
    return parts + list(reader.end())


def main() -> None:
    """Try a range of seeds on the samples of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=int, help="the first seed")
    parser.add_argument("last", type=int, help="the seed behind the last")
    parser.add_argument("--samples", default="tests/fixtures", help="a folder with x12/*.edi and edifact/*.edi")
    given = parser.parse_args()
    samples = read_samples(given.samples)

    def told(seed: int) -> None:
        if seed % 10_000 == 9_999:
            print(f"tried up to seed {seed}; go on with {seed + 1}", flush=True)

    parts = fuzz(samples, range(given.first, given.last), told)
    print(f"{given.last - given.first} inputs, {parts} parts, nothing raised")


def read_samples(folder: str) -> list[tuple[str, bytes]]:
    """Return the samples of a folder, (standard, bytes), in a fixed order."""
    return [
        (kind, path.read_bytes()) for kind in ("x12", "edifact") for path in sorted((Path(folder) / kind).glob("*.edi"))
    ]


if __name__ == "__main__":
    main()
