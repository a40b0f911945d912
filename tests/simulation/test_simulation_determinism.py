"""The same seed is the same world: in this process, in another, and with somebody looking."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable

from esb.testing.simulation.__main__ import main
from esb.testing.simulation.mutants import MUTANTS
from esb.testing.simulation.world import Outcome, simulate

Played = Callable[[int], Outcome]


def test_twenty_worlds_run_again_take_the_same_steps(played: Played):
    again = [simulate(seed) for seed in range(20)]

    assert [outcome.fingerprint for outcome in again] == [played(seed).fingerprint for seed in range(20)]
    assert again == [played(seed) for seed in range(20)]


def test_no_order_depends_on_the_hash_seed_of_the_process():
    told = {_fingerprints("1"), _fingerprints("4711")}

    assert len(told) == 1


def _fingerprints(hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "esb.testing.simulation", "--worlds", "20"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    (found,) = re.findall(r"fingerprint of them all: (\w+)", done.stdout)
    return found


def test_whoever_traces_a_world_does_not_change_it(played: Played):
    lines: list[str] = []

    traced = simulate(3, tell=lines.append)

    assert traced.fingerprint == played(3).fingerprint
    assert len(lines) > 20


def test_different_seeds_are_different_worlds(played: Played):
    assert len({played(seed).fingerprint for seed in range(50)}) == 50


def test_a_failing_seed_is_reproduced_by_one_line(capsys):
    seed = next(seed for seed in range(100) if simulate(seed, MUTANTS["ack-first"]).violations)

    code = main(["--seed", str(seed), "--mutant", "ack-first", "--trace"])

    told = capsys.readouterr()
    assert code == 1
    assert f"reproduce: python -m esb.testing.simulation --seed {seed} --mutant ack-first --trace" in told.out
    assert "lost: " in told.out
    assert "stored" in told.err


def test_worlds_that_keep_the_promise_end_with_success(capsys, played: Played):
    seed = next(seed for seed in range(100) if not played(seed).violations)

    code = main(["--first", str(seed), "--worlds", "1"])

    assert code == 0
    assert "1 worlds, 0 broke the promise" in capsys.readouterr().out
