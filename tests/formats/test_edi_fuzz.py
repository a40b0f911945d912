"""20,000 mutated inputs at every run, and as many as are asked for: nothing raised, nothing hangs, memory is bounded.

`ESB_FUZZ=20000-1000000 pytest -m soak tests/formats/test_edi_fuzz.py` tries a range of seeds; it goes on where a run
that was broken off left, as the file that it names says.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esb.formats import X12, Edifact
from esb.formats.x12.framing import Framer
from esb.testing.edi_fuzz import FuzzError, case, fuzz, read_samples
from esb.testing.edi_kit import interchange, order

FOLDER = Path(__file__).parent.parent / "fixtures"
SAMPLES = read_samples(str(FOLDER))
EACH_RUN = 20_000
BATCH = 2_000


def resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("first", range(0, EACH_RUN, BATCH))
def test_mutated_samples_raise_nothing_and_are_answered_validly(first: int):
    assert fuzz(SAMPLES, range(first, first + BATCH)) > BATCH


def test_many_inputs_take_no_more_memory_than_few():
    fuzz(SAMPLES, range(300))
    before = resident()

    fuzz(SAMPLES, range(300, 1500))

    assert resident() - before < 40_000


@pytest.mark.parametrize("seed", [236_983])
def test_what_once_failed_does_not_fail_again(seed: int):
    assert fuzz(SAMPLES, range(seed, seed + 1)) > 0


def test_an_input_follows_from_its_seed_alone():
    assert case(SAMPLES, 17) == case(SAMPLES, 17) != case(SAMPLES, 18)
    assert len({case(SAMPLES, seed)[1] for seed in range(300)}) > 290


def test_what_fails_is_told_with_its_seed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("esb.testing.edi_fuzz.SLOW", -1.0)

    with pytest.raises(FuzzError, match=r"seed 5: .* seconds"):
        fuzz(SAMPLES, range(5, 6))


@pytest.mark.soak
def test_a_range_of_seeds_that_was_asked_for(tmp_path_factory: pytest.TempPathFactory):
    first, last = (int(number) for number in os.environ.get("ESB_FUZZ", "20000-1000000").split("-"))
    done = Path(os.environ.get("ESB_FUZZ_STATE", tmp_path_factory.getbasetemp() / "fuzz-seed"))
    first = max(first, int(done.read_text()) if done.is_file() else 0)

    for begin in range(first, last, BATCH):
        assert fuzz(SAMPLES, range(begin, min(begin + BATCH, last))) > 0
        done.write_text(str(begin + BATCH))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_are_read_by_both(data: bytes, step: int):
    for made, each in ((X12().build({}), "line"), (Edifact().build({}), "message")):
        reader = made.reader(each)
        parts = [part for at in range(0, len(data), step) for part in reader.feed(data[at : at + step])]
        parts += reader.end()

        assert all(part.error or part.acknowledgment or isinstance(part.body, dict) for part in parts)
        assert parts  # never silent: what cannot be read is an error, and so is nothing at all


TAGS = st.sampled_from(
    [
        "REF",
        "N1",
        "N3",
        "N4",
        "PO1",
        "PID",
        "CTT",
        "SCH",
        "SAC",
        "DTM",
        "XYZ",
        "HL",
        "LIN",
        "BEG",
        "SE",
        "ST",
        "GS",
        "GE",
        "IEA",
    ]
)
VALUES = st.text(alphabet="A1.-x é", max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TAGS, st.lists(VALUES, max_size=8)), max_size=30))
def test_any_segments_between_st_and_se_end_in_documents_or_findings(made: list[tuple[str, list[str]]]):
    body = "".join("*".join([tag, *values]) + "~" for tag, values in made)
    text = interchange(order("0001", ("CTT*2~", f"{body}CTT*2~")), order("0002"))
    reader = X12().build({}).reader("transaction")

    parts = [*reader.feed(text.encode()), *reader.end()]

    assert all(bool(part.error) != (part.body is not None) or part.acknowledgment for part in parts)
    assert all(part.findings for part in parts if part.error)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=12), st.booleans())
def test_the_framer_loses_no_byte_wherever_the_input_is_cut(cuts: list[int], newline: bool):
    text = interchange(order("0001"), order("0002")).replace("~", "~\n" if newline else "~").encode()
    places = sorted(cut for cut in cuts if cut < len(text))
    framer = Framer(10_000)
    events = []
    for begin, end in zip([0, *places], [*places, len(text)], strict=True):
        events += list(framer.feed(text[begin:end]))
    events += list(framer.feed(b"", final=True))

    runs = "".join(event.text for event in events[1:])  # type: ignore[union-attr]
    assert text.strip().endswith(runs.encode()) and len(text.strip()) - len(runs) == 106
