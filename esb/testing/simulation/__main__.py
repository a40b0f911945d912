"""`python -m esb.testing.simulation`: run worlds, print the seeds that fail, or the trace of one."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from zlib import crc32

from esb.testing.simulation.mutants import MUTANTS, RIGHT
from esb.testing.simulation.world import Outcome, simulate


def main(arguments: list[str] | None = None) -> int:
    """Run; return 0 if every world kept the promise, 1 if one did not."""
    parser = argparse.ArgumentParser(prog="python -m esb.testing.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this world only")
    parser.add_argument("--worlds", type=int, default=500, help="how many worlds, from seed 0 on or from --first")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--trace", action="store_true", help="print what happens, line by line")
    parser.add_argument("--crash-at", type=int, metavar="STEP", help="no fault but one: kill whoever takes this step")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="build a seeded mistake into the runtime")
    given = parser.parse_args(arguments)
    build = MUTANTS[given.mutant] if given.mutant else RIGHT
    seeds = range(given.first, given.first + given.worlds) if given.seed is None else (given.seed,)
    tell = (lambda line: print(line, file=sys.stderr)) if given.trace else None
    started = time.perf_counter()
    outcomes = []
    for seed in seeds:
        outcome = simulate(seed, build, tell, given.crash_at)
        outcomes.append(outcome)
        if outcome.violations or given.seed is not None:
            _print(outcome, given.mutant, given.crash_at)
    _summary(outcomes, time.perf_counter() - started)
    return 1 if any(outcome.violations for outcome in outcomes) else 0


def _print(outcome: Outcome, mutant: str | None, crash_at: int | None) -> None:
    print(f"seed {outcome.seed}: {outcome.steps} steps, fingerprint {outcome.fingerprint:08x}")
    for violation in outcome.violations:
        print(f"  {violation}")
    if outcome.violations:
        options = (f" --mutant {mutant}" if mutant else "") + ("" if crash_at is None else f" --crash-at {crash_at}")
        print(f"  reproduce: python -m esb.testing.simulation --seed {outcome.seed}{options} --trace")


def _summary(outcomes: list[Outcome], seconds: float) -> None:
    struck: Counter[str] = sum((outcome.struck for outcome in outcomes), Counter())
    failed = sum(bool(outcome.violations) for outcome in outcomes)
    needs, seen = sum(outcome.needs for outcome in outcomes), sum(outcome.seen for outcome in outcomes)
    print(f"{len(outcomes)} worlds, {failed} broke the promise; {len(outcomes) / seconds:.0f} worlds/s")
    print(f"{needs} effects were owed, {seen} were seen; the others have an owner, a twin or another arm")
    together = crc32(b"".join(outcome.fingerprint.to_bytes(4, "big") for outcome in outcomes))
    print(f"fingerprint of them all: {together:08x}")
    print("faults: " + ", ".join(f"{count} {kind}" for kind, count in sorted(struck.items())))


if __name__ == "__main__":
    sys.exit(main())
