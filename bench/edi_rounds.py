"""What the benchmarks of X12 and EDIFACT share: rounds beside the limit, peak memory, and the tables.

A busy machine moves every figure, so what counts is the ratio to the limit (`split()` of the same bytes) within a run:
each round measures all contestants one after another, and the table gives the medians. The collector of cycles runs as
in the processes of esb.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench import machine
from esb.edge import Part
from esb.formats.edi.run import Run

PIECE = 1 << 16
"""Bytes that are fed at once, as an intake feeds them."""
LIMIT = "limit: split()"
MEMORY = 100.0
"""Megabytes of the inputs whose peak memory is told."""
QUICK = 1.0
LARGE = 100.0
"""Megabytes at which a peer whose time grows with the square takes minutes."""

Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Work:
    """What is measured: the megabytes that one call goes through, the call, and its goal in words."""

    megabytes: float
    run: Callable[[], object]
    goal: str = ""


class Reader(Protocol):
    """A reader of a dialect."""

    def feed(self, data: bytes) -> Sequence[Part]: ...

    def end(self) -> Sequence[Part]: ...


class Framer(Protocol):
    """A framer of a dialect."""

    def feed(self, data: bytes, final: bool = False) -> Iterable[object]: ...


@dataclass(frozen=True, slots=True)
class Bench:
    """One dialect: what is measured at a size, of what input each kind of peak memory is taken, who the peer is.

    `peer` = the name of a contestant that is slower by far, and `beside` those of ours that are compared with it, each
    with how many times as fast it should be. `large` = the same two at a larger size, if there is such a goal.
    """

    name: str
    title: str
    contestants: Callable[[float], dict[str, Work]]
    memory: dict[str, Callable[[float], tuple[Reader, Iterable[bytes]]]]
    peer: str
    beside: dict[str, float] = field(default_factory=dict)
    large: dict[str, float] = field(default_factory=dict)


def cut(made: bytes) -> list[bytes]:
    """Return bytes in the pieces that an intake feeds."""
    return [made[at : at + PIECE] for at in range(0, len(made), PIECE)]


def split_limit(pieces: list[bytes], terminator: str, element: str) -> int:
    """The limit: decode, split by terminator, split by element; nothing checked, released or kept."""
    count = 0
    for segment in b"".join(pieces).decode("latin-1").split(terminator):
        segment.split(element)
        count += 1
    return count


def framing(framer: Framer, pieces: list[bytes]) -> int:
    """Interchanges found, separators taken from the data, segments cut."""
    count = sum(len(event.segments) for piece in pieces for event in framer.feed(piece) if isinstance(event, Run))
    count += sum(len(event.segments) for event in framer.feed(b"", final=True) if isinstance(event, Run))
    assert count
    return count


def as_in_processes() -> None:
    """Set the collector of cycles as the processes of esb do."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def measure(contestants: dict[str, Work], rounds: int) -> Figures:
    """Return for each contestant its median MB/s of processor time, and its median ratio to the limit."""
    as_in_processes()
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            begin = time.process_time()
            work.run()
            rates[name].append(work.megabytes / (time.process_time() - begin))
    return {
        name: {
            "mb_per_s": statistics.median(own),
            "times_limit": statistics.median(most / one for most, one in zip(rates[LIMIT], own, strict=True)),
        }
        for name, own in rates.items()
    }


def compared(bench: Bench, found: Figures, goals: dict[str, float], size: str) -> list[str]:
    """Return how many times as fast as the peer ours are, each in a sentence with its goal."""
    peer = found[bench.peer]["mb_per_s"]
    return [
        f"{name}, {size}: {found[name]['mb_per_s'] / peer:.1f} times as fast as {bench.peer} (goal: at least {goal:g})"
        for name, goal in goals.items()
    ]


def large(bench: Bench, megabytes: float) -> Figures:
    """Measure the peer and ours once at a size at which the peer takes minutes."""
    all_ = bench.contestants(megabytes)
    return measure({name: all_[name] for name in (LIMIT, *bench.large, bench.peer)}, 1)


def peak(bench: Bench, kind: str, megabytes: float) -> dict[str, float]:
    """Return the peak memory of this process while it reads a stream of this size, in MB."""
    reader, given = bench.memory[kind](megabytes)
    before = machine.peak_bytes(os.getpid()) / 2**20
    parts = 0
    for piece in given:
        found = reader.feed(piece)
        assert not any(part.error for part in found)
        parts += len(found)
    rest = reader.end()
    assert rest and not any(part.error for part in rest)
    after = machine.peak_bytes(os.getpid()) / 2**20
    return {"mb": megabytes, "parts": parts + len(rest), "peak_mb": after, "added_mb": after - before}


def peaks(bench: Bench, megabytes: float) -> Figures:
    """Return the peak memory for each kind of input, each measured in a process of its own."""
    found: Figures = {}
    for kind in bench.memory:
        command = [sys.executable, "-m", f"bench.{bench.name}", "--memory", kind, "--mb", str(megabytes)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
        found[kind] = json.loads(done.stdout)
    return found


def rows(found: Figures, contestants: dict[str, Work]) -> list[list[str]]:
    """Return the rows of a table: part, MB/s, ratio to the limit, goal."""
    return [
        [name, f"{row['mb_per_s']:.1f}", f"{row['times_limit']:.1f}", contestants[name].goal]
        for name, row in found.items()
    ]


def arguments(bench: Bench, doc: str | None) -> argparse.ArgumentParser:
    """Return the command line of one benchmark."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=10.0, help="size of the input in MB")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--memory", choices=tuple(bench.memory), help="measure peak memory instead of speed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def show(bench: Bench, given: argparse.Namespace) -> None:
    """Measure what a command line asks for, and print it."""
    if given.memory:
        print(json.dumps(peak(bench, given.memory, given.mb), indent=2))
        return
    contestants = bench.contestants(given.mb)
    found = measure(contestants, given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{bench.title}, {given.mb:g} MB, {given.rounds} rounds, processor time")
    for name, rate, times, goal in rows(found, contestants):
        print(f"{name:<30} {rate:>8} MB/s {times:>7} x limit  {goal}")
