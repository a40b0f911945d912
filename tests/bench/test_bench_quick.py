"""Every benchmark runs in small, finds nothing lost, and prints figures that can be true."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def bench(folder: Path, *names: str) -> tuple[str, dict[str, Any]]:
    """Run benchmarks in a quick run; return what they print and their figures."""
    figures = folder / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", *names, "--quick", "--json", str(figures)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(figures.read_text())
    return done.stdout, found


@pytest.mark.soak
@pytest.mark.rabbitmq
def test_the_relay_compares_our_route_with_the_bare_client(tmp_path: Path) -> None:
    text, found = bench(tmp_path, "relay")

    figures = found["relay"]["figures"]
    assert figures["esb route"]["rate"] > 100
    assert 5 < figures["bare pika relay"]["client_us"] < 5_000
    assert "| bare pika relay " in text


def test_webhooks_are_counted_until_they_are_delivered(tmp_path: Path) -> None:
    text, found = bench(tmp_path, "webhooks")

    figures = found["webhooks"]["figures"]["embedded + SQLite, own"]
    assert figures["accepted"] == 300
    assert 0 < figures["p50"] <= figures["p99"] < 30
    assert "| embedded + SQLite " in text


@pytest.mark.soak
@pytest.mark.rabbitmq
@pytest.mark.postgresql
def test_intake_is_compared_with_a_handler_that_only_publishes(tmp_path: Path) -> None:
    text, found = bench(tmp_path, "intake")

    figures = found["intake"]["figures"]
    assert 0.01 < figures["ratio"]["rate"] < 20
    assert figures["bare"]["rate"] > 50 and figures["esb"]["rate"] > 50
    assert "| Starlette, publish with confirm " in text


def test_large_files_come_out_whole_and_typos_are_told_at_their_place(tmp_path: Path) -> None:
    text, found = bench(tmp_path, "files", "validate", "edi")

    x12 = found["files"]["figures"]["X12 850"]
    assert x12["orders"] > 90
    assert 30e6 < x12["peak_bytes"] < 300e6
    assert 0.2 < found["validate"]["figures"]["seconds"] < 60
    assert "deduplicate" in text
    assert found["edi"]["figures"]["framing"]["mb_per_s"] > 1
