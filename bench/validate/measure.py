"""`esb validate` as a person runs it, the start of the process included."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Report
from bench.validate import project

ROUTES = 300
GOAL_SECONDS = 3.0


def run(quick: bool) -> Report:
    """Measure; the size is the same in a quick run, with fewer repetitions."""
    with tempfile.TemporaryDirectory(prefix="esb-bench-validate-") as name:
        folder = Path(name)
        project.lay_out(folder, ROUTES)
        times: list[float] = []
        works: list[float] = []
        faults: list[str] = []
        for _ in range(1 if quick else 7):
            started, worked = time.perf_counter(), _children_cpu()
            done = _validate(folder)
            times.append(time.perf_counter() - started)
            works.append(_children_cpu() - worked)
            if done.returncode or json.loads(done.stdout)["diagnostics"]:
                faults.append(f"the generated project is not clean: {done.stdout[:500]}")
        files = json.loads(done.stdout)["files"]
        where, word = project.misspell(folder)
        wrong = _validate(folder)
    faults += _misleading(wrong, where, word)
    median, cpu = statistics.median(times), statistics.median(works)
    report = Report("validate", f"esb validate on {ROUTES} routes", ["project", "seconds (lowest to highest)", "CPU s"])
    report.rows.append(
        [f"{ROUTES} routes, {files} files", f"{median:.2f} ({min(times):.2f} to {max(times):.2f})", f"{cpu:.2f}"]
    )
    reached = "reached" if median < GOAL_SECONDS else "missed"
    report.notes.append(f"Goal: under {GOAL_SECONDS:g} s, start of the process included; {reached}.")
    if not faults:
        report.notes.append(f"A typo in one route is told as {where} with the word {word!r}.")
    report.faults = faults
    report.figures = {"seconds": median, "cpu": cpu, "files": files}
    return report


def _validate(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "esb", "validate", "--json", "-C", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _misleading(done: subprocess.CompletedProcess[str], where: str, word: str) -> list[str]:
    """Return what is wrong with the answer to a typo: it must be one error, at its place, with the right word."""
    found = json.loads(done.stdout)["diagnostics"]
    places = [f"{one['file']}:{one['line']}:{one['column']}" for one in found]
    if done.returncode != 1 or places != [where] or f'"{word}"' not in found[0]["help"]:
        return [f"the typo at {where} was told as {found[:3]}"]
    return []
