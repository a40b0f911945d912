"""Layout: where the boxes of a graph stand, from left to right; the same graph always looks the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import fast_sugiyama

Arrow: TypeAlias = tuple[int, int]
_BETWEEN, _ACROSS = 20.0, 70.0
"""Free space between boxes of one column and between columns, in pixels."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The upper left corner of each box, and the size of the whole."""

    places: tuple[tuple[float, float], ...]
    width: float
    height: float


def lay_out(count: int, arrows: Sequence[Arrow], width: float, height: float) -> Layout:
    """Return where `count` boxes of this size stand; groups that nothing joins stand one below the other."""
    step = height + _BETWEEN
    places: dict[int, tuple[float, float]] = {}
    low = 0.0
    kept = without_rings(count, arrows)
    groups = [
        {int(box): (float(at[0]), float(at[1])) for box, at in group[0] if int(box) < count}
        for group in (fast_sugiyama.from_edges(kept, vertex_spacing=step, dummy_vertices=True) if kept else [])
    ]
    for group in sorted(groups, key=min):
        columns = sorted({y for _, y in group.values()}, reverse=True)
        top = min(x for x, _ in group.values())
        for box, (x, y) in group.items():
            places[box] = (columns.index(y) * (width + _ACROSS), low + x - top)
        low = max(y for y, box in ((places[box][1], box) for box in group)) + step
    for box in range(count):
        if box not in places:
            places[box] = (0.0, low)
            low += step
    right = max((x for x, _ in places.values()), default=0.0) + width
    bottom = max((y for _, y in places.values()), default=0.0) + height
    return Layout(tuple(places[box] for box in range(count)), right, bottom)


def without_rings(count: int, arrows: Sequence[Arrow]) -> list[Arrow]:
    """Return the arrows without doubles and without those that close a ring: the layout takes no rings."""
    ways: dict[int, list[int]] = {box: [] for box in range(count)}
    for source, target in sorted(set(arrows)):
        ways[source].append(target)
    kept: list[Arrow] = []
    state = [0] * count  # 0 not seen, 1 on the way, 2 done
    for start in range(count):
        stack = [(start, iter(ways[start]))] if not state[start] else []
        state[start] = state[start] or 1
        while stack:
            box, rest = stack[-1]
            target = next(rest, -1)
            if target < 0:
                state[box] = 2
                stack.pop()
            elif state[target] != 1:
                kept.append((box, target))
                if not state[target]:
                    state[target] = 1
                    stack.append((target, iter(ways[target])))
    return kept
