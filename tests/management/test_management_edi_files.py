"""Looking at EDI files: whatever stands in them, every look ends, and what is cut is what came."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from esb.management.edi_files import (
    Dialect,
    Seen,
    Skipped,
    branches,
    caret,
    dialect,
    explain,
    segments,
    sniff,
    split,
    standard,
    study,
)  # fmt: skip

ROOT = Path(__file__).parents[1] / "fixtures"
SAMPLES = [path.read_bytes() for folder in ("x12", "edifact") for path in sorted((ROOT / folder).glob("*.edi"))]
ANSWERS = [raw for raw in SAMPLES if b"UCI" in raw]
DIALECTS = {name: dialect(standard(name), {}) for name in ("x12", "edifact")}


def choose(name: str) -> Dialect:
    return DIALECTS[name]


def mutated(raw: bytes, lots: random.Random) -> bytes:
    """Return a sample with a few things wrong: bytes changed, cut, doubled, moved."""
    data = bytearray(raw[: lots.randrange(200, 4000)])
    for _ in range(lots.randrange(1, 6)):
        at, size = lots.randrange(len(data) + 1), lots.randrange(1, 40)
        kind = lots.randrange(5)
        if kind == 0:
            data[at : at + 1] = bytes([lots.randrange(256)])
        elif kind == 1:
            del data[at : at + size]
        elif kind == 2:
            data[at:at] = data[at : at + size]
        elif kind == 3:
            data[at:at] = lots.choice(
                [b"~", b"'", b"*", b"+", b":", b"?", b"ISA*", b"UNB+", b"\x00", b"\xff\xfe", b"HL*"]
            )
        else:
            piece = data[at : at + size]
            del data[at : at + size]
            data[lots.randrange(len(data) + 1) :][:0] = piece
    return bytes(data)


@pytest.mark.parametrize("seed", range(40))
def test_no_input_breaks_a_look(seed: int, tmp_path: Path) -> None:
    lots = random.Random(seed)

    for turn in range(5):
        raw = mutated(lots.choice(SAMPLES), lots)
        report = study("in", io.BytesIO(raw), choose, Seen())
        for shown in report.findings:
            if shown.marks is not None:
                finding = shown.finding
                text, below = caret(
                    shown.text, shown.marks, finding.element, finding.component, finding.value, shown.codec
                )
                assert len(text) <= 102 and below.strip("^ ") == ""
        if not (name := sniff(raw[:65536])):
            assert report.verdict == "unreadable"
            continue
        found = choose(name)
        assert all(branch for branch in branches(io.BytesIO(raw), found))
        folder = tmp_path / str(turn)
        folder.mkdir()
        assert all(cut.path.parent == folder for cut in split(io.BytesIO(raw), found, "set", folder, "in"))
        explain(io.BytesIO(raw), found, io.BytesIO(raw), found)


@pytest.mark.parametrize("raw", SAMPLES, ids=range(len(SAMPLES)))
def test_segments_put_together_are_the_file(raw: bytes) -> None:
    found = choose(sniff(raw))

    pieces = [one for one in segments(io.BytesIO(raw), found) if not isinstance(one, Skipped)]

    assert "".join(piece.raw for piece in pieces).encode("latin-1").strip() == raw.strip()
    for piece in pieces:
        offset = piece.offset if piece.tag != "UNB" else raw.index(b"UNB")
        assert raw[offset : offset + len(piece.text)].decode("latin-1") == piece.text
