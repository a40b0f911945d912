"""What the kernel says: processor time and memory of processes, and what kind of machine this is (Linux)."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def cpu_seconds(pid: int) -> float:
    """Return the user and system time that a process has taken so far, in steps of a clock tick (10 ms)."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def peak_bytes(pid: int) -> int:
    """Return the largest resident set that a process ever had; 0 if it has ended."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def busiest(pid: int) -> int:
    """Return the process below `pid` (or itself) that has worked most: the server behind its start scripts."""
    return max(family(pid), key=cpu_seconds)


def family(pid: int) -> Iterator[int]:
    """Give a process and all its descendants."""
    yield pid
    for task in (_PROC / str(pid) / "task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def description() -> str:
    """Return the machine in one line, without its name, and how busy it is with other work (average of a minute)."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{cores} cores, {memory:.0f} GiB of memory, {system}, {python}, load of others {os.getloadavg()[0]:.1f}"
