"""Layout: where the boxes of a graph stand, from left to right; the same graph always looks the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Arrow: TypeAlias = tuple[int, int]
_BETWEEN, _ACROSS = 20.0, 70.0
"""Free space between boxes of one column and between columns, in pixels."""
_SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """The upper left corner of each box, and the size of the whole."""

    places: tuple[tuple[float, float], ...]
    width: float
    height: float


def lay_out(count: int, arrows: Sequence[Arrow], width: float, height: float) -> Layout:
    """Return where `count` boxes of this size stand: columns by the longest way there, rows near their neighbours."""
    kept = without_rings(count, arrows)
    columns = _columns(count, kept)
    rows = _rows(columns, kept)
    across, down = width + _ACROSS, height + _BETWEEN
    places = [(0.0, 0.0)] * count
    for column, boxes in enumerate(columns):
        for box in boxes:
            places[box] = (column * across, rows[box] * down)
    right = max((x for x, _ in places), default=0.0) + width
    bottom = max((y for _, y in places), default=0.0) + height
    return Layout(tuple(places), right, bottom)


def _columns(count: int, arrows: Sequence[Arrow]) -> list[list[int]]:
    """Return the boxes of each column: a box stands right of everything that points to it (longest path)."""
    depth, changed = [0] * count, True
    while changed:
        changed = False
        for source, target in arrows:
            if depth[target] <= depth[source]:
                depth[target], changed = depth[source] + 1, True
    columns: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for box in range(count):
        columns[depth[box]].append(box)
    return columns


def _rows(columns: Sequence[list[int]], arrows: Sequence[Arrow]) -> dict[int, int]:
    """Return the row of each box: sweeps move it towards the middle of its neighbours, so that few arrows cross."""
    near: dict[int, list[int]] = {}
    for source, target in arrows:
        near.setdefault(source, []).append(target)
        near.setdefault(target, []).append(source)
    rows = {box: row for column in columns for row, box in enumerate(column)}
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = {box: _middle([rows[other] for other in near.get(box, [])], rows[box]) for box in column}
            column.sort(key=lambda box: (wanted[box], box))
            free = 0
            for box in column:
                rows[box] = max(free, round(wanted[box]))
                free = rows[box] + 1
    return rows


def _middle(rows: Sequence[int], own: int) -> float:
    return sum(rows) / len(rows) if rows else float(own)


def without_rings(count: int, arrows: Sequence[Arrow]) -> list[Arrow]:
    """Return the arrows without doubles and without those that close a ring: columns need a beginning."""
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
