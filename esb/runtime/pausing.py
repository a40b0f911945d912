"""Pausing: a sleep that a stop cuts short, so that what only waits never holds up a drain."""

from __future__ import annotations

import asyncio

from esb.runtime.bus import Bus


async def pause_unless(bus: Bus, stopping: asyncio.Event, seconds: float) -> bool:
    """Sleep for so many seconds, or until `stopping` is set; return whether it is."""
    if not stopping.is_set():
        asleep = bus.clock.spawn(bus.clock.sleep(seconds), "pause")
        halt = bus.clock.spawn(stopping.wait(), "halt")
        try:
            await asyncio.wait((asleep, halt), return_when=asyncio.FIRST_COMPLETED)
        finally:
            asleep.cancel()
            halt.cancel()
    return stopping.is_set()
