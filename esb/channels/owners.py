"""Who holds a claim in the embedded channel: a process, known by its pid and by when it was started."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_STATE, _STARTED = 0, 19  # fields of /proc/PID/stat behind the command name: proc(5) numbers them 3 and 22


def identity(pid: int) -> str:
    """Return what tells this process from a later one with the same pid; empty if no such process is alive.

    A killed process that its parent has not reaped yet is dead: it will settle nothing any more.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return _identity_without_proc(pid)
    fields = stat.rpartition(")")[2].split()
    return "" if fields[_STATE] in ("Z", "X") else f"{_boot()}/{fields[_STARTED]}"


@cache
def _boot() -> str:
    """Return the id of this boot: start times count from it, so after a reboot they repeat."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _identity_without_proc(pid: int) -> str:
    """Return the best that a system without /proc knows: whether the pid is alive."""
    if Path("/proc/self").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"
