"""Where processor time goes: the kernel's profiling timer asks every millisecond of work which line is running."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from types import FrameType

INTERVAL = 0.001
_ROOT = Path(__file__).parents[1]


class Sampling:
    """A context manager for the main thread; `rooms` and `lines` count samples of the innermost frames."""

    def __init__(self) -> None:
        self.rooms: Counter[str] = Counter()
        self.lines: Counter[str] = Counter()
        self.total = 0

    def __enter__(self) -> Sampling:
        """Begin."""
        signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def shares(self, most: int = 12) -> dict[str, float]:
        """Return the share of each room, largest first."""
        return {name: count / max(1, self.total) for name, count in self.rooms.most_common(most)}

    def _take(self, _: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self.total += 1
        self.rooms[_room(frame)] += 1
        code = frame.f_code
        self.lines[f"{_short(code.co_filename)}:{code.co_qualname}"] += 1


def _room(frame: FrameType | None) -> str:
    """Return the room of the innermost frame that belongs to us or to a client library."""
    while frame is not None:
        name = _short(frame.f_code.co_filename)
        if name.startswith("esb/"):
            return "/".join(name.split("/")[:2]).removesuffix(".py")
        if name.startswith("pika/"):
            return "pika"
        if name.startswith("<"):  # made at start from an expression
            return "esb/expressions"
        frame = frame.f_back
    return "event loop"


def _short(filename: str) -> str:
    parts = filename.split("/")
    if "site-packages" in parts:
        return "/".join(parts[parts.index("site-packages") + 1 :])
    path = Path(filename)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else filename
