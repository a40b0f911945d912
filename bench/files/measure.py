"""One large file through `esb run --once`: seconds, peak memory, and whether every order came out once."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.files import documents
from bench.report import Report

FULL_BYTES, QUICK_BYTES = 200_000_000, 400_000
GOAL_BYTES = 300_000_000
"""Peak memory that no size of file may exceed."""

_ROUTE = """\
description: Each order of a large file becomes a file
from: {{ endpoint: inbox, each: {each}{more} }}
key: {{ order: "{key}" }}
steps:
  - to: outbox
"""
_INBOX = "type: file\ndirectory: in\nready: {{ unchanged_for: 0s }}\npoll: 100ms\nformat: {format}\n"
_OUTBOX = "type: file\ndirectory: out\nformat: json\nconcurrency: 64\n"
_ACKS = "type: file\ndirectory: acks\nname: '997-{{ message.id }}.edi'\n"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: how it is made, how the project reads it, and where an order's number stands in the output."""

    name: str
    make: Callable[[Path, int], list[str]]
    inbox: str
    each: str
    key: str
    number: Callable[[dict[str, object]], object]
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What one run took. `read_seconds` = until the file was taken for good; sizes in bytes."""

    orders: int
    size: int
    seconds: float
    read_seconds: float
    peak: int
    cpu: float
    faults: tuple[str, ...]


def _x12_number(order: dict[str, object]) -> object:
    return order["order"]["number"]  # type: ignore[index]


def _csv_number(order: dict[str, object]) -> object:
    return order["rows"][0]["order_no"]  # type: ignore[index]


KINDS = (
    Kind("X12 850", documents.x12, "{ type: x12, guide: x12/850 }", "transaction", "$.order.number", _x12_number, True),
    Kind("CSV", documents.csv, "{ type: csv, numbers: [qty, price] }", "order_no", "$.rows[0].order_no", _csv_number),
)


def send(kind: Kind, size: int) -> Found:
    """Make a file of `size` bytes and send it through."""
    with tempfile.TemporaryDirectory(prefix="esb-bench-files-") as name:
        folder = Path(name)
        _lay_out(folder, kind)
        made = folder / "in" / "large"
        numbers = kind.make(made, size)
        bytes_made = made.stat().st_size
        seconds, read_seconds, usage, code = _once(folder)
        faults = [] if code == 0 else [f"esb run ended with {code}: {(folder / 'log').read_text()[-2000:]}"]
        faults += _missing(folder, kind, numbers)
    cpu = usage.ru_utime + usage.ru_stime
    return Found(len(numbers), bytes_made, seconds, read_seconds, usage.ru_maxrss * 1024, cpu, tuple(faults))


def _lay_out(folder: Path, kind: Kind) -> None:
    more = ", acknowledge: { kind: 997, to: acks }" if kind.acknowledged else ""
    files = {
        "esb.yaml": "defaults: { owner: bench }\n",
        "endpoints/inbox.yaml": _INBOX.format(format=kind.inbox),
        "endpoints/outbox.yaml": _OUTBOX,
        "routes/large.yaml": _ROUTE.format(each=kind.each, more=more, key=kind.key),
    }
    if kind.acknowledged:
        files["endpoints/acks.yaml"] = _ACKS
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "in").mkdir()


def _once(folder: Path) -> tuple[float, float, resource.struct_rusage, int]:
    """Run the project once; return seconds in all, seconds until the file had been read, its resources and its code."""
    taken = [0.0]
    ended = threading.Event()
    command = [sys.executable, "-m", "esb", "run", "--once", "-C", str(folder), "--log-format", "json"]
    with (folder / "log").open("wb") as log:
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=log, stderr=log)
        watcher = threading.Thread(target=_watch, args=(folder / "in" / "done", ended, started, taken))
        watcher.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        ended.set()
        watcher.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    return seconds, taken[0], usage, child.returncode


def _watch(done: Path, ended: threading.Event, started: float, taken: list[float]) -> None:
    """Note when the file appears among those that were taken."""
    while not ended.wait(0.05):
        if done.is_dir() and any(done.iterdir()):
            taken[0] = time.perf_counter() - started
            return


def _missing(folder: Path, kind: Kind, numbers: list[str]) -> list[str]:
    """Return what is wrong with the output: every order once, and where X12 is read one acceptance of all."""
    seen = [kind.number(json.loads(path.read_bytes())) for path in (folder / "out").glob("*.json")]
    faults = []
    if len(seen) != len(set(seen)):
        faults.append(f"{len(seen) - len(set(seen))} orders came out twice")
    if lost := set(numbers) - set(seen):
        faults.append(f"{len(lost)} orders did not come out, for example {sorted(lost)[:3]}")
    if kind.acknowledged:
        answers = [path.read_bytes() for path in (folder / "acks").glob("997-*.edi")]
        if len(answers) != 1 or b"AK9*A*%d*%d*%d" % ((len(numbers),) * 3) not in answers[0]:
            faults.append(f"{len(answers)} acknowledgments; expected one that accepts all {len(numbers)} orders")
    return faults


def run(quick: bool) -> Report:
    """Measure both kinds of file."""
    size = QUICK_BYTES if quick else FULL_BYTES
    made = Report(
        "files",
        f"{size / 1e6:.0f} MB through `esb run --once` to one JSON file an order",
        ["file", "orders", "seconds", "until taken", "MB/s", "orders/s", "peak memory", "CPU s"],
    )
    for kind in KINDS:
        found = send(kind, size)
        made.rows.append(
            [
                f"{kind.name}, {found.size / 1e6:.0f} MB",
                f"{found.orders:,}",
                f"{found.seconds:.1f}",
                f"{found.read_seconds:.1f}",
                f"{found.size / 1e6 / found.seconds:.1f}",
                f"{found.orders / found.seconds:,.0f}",
                f"{found.peak / 1e6:.0f} MB",
                f"{found.cpu:.1f}",
            ]
        )
        made.figures[kind.name] = {
            "orders": found.orders,
            "seconds": found.seconds,
            "peak_bytes": found.peak,
            "cpu": found.cpu,
        }
        made.faults.extend(f"{kind.name}: {fault}" for fault in found.faults)
        if found.peak > GOAL_BYTES:
            made.faults.append(f"{kind.name}: peak memory of {found.peak / 1e6:.0f} MB, goal {GOAL_BYTES / 1e6:.0f} MB")
    made.notes.append("Every order came out once." if not made.faults else "Some promises were broken.")
    return made
