"""Where the parts of a chart stand. Templates draw them as SVG: across in percent or thousandths, upright in pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.reports.measures import SCALES, Scale
from rmset_builder.reports.paper import Counts
from rmset_builder.reports.stats import Table

LANE = 1000
"""The length of a lane, in its own units."""
LEVELS = 8
"""Shades of the map of where faces were."""

_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_TICKS = 7
_MOST_LABELS = 10


@dataclass(frozen=True)
class Bar:
    """A bin: its left side and width in percent, its height as a share of the highest, its value and what it is of."""

    x: float
    width: float
    height: float
    count: int
    label: str


@dataclass(frozen=True)
class Tick:
    """A label below an axis, in percent from the left, and which of its sides stands there."""

    x: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Histogram:
    """A distribution to be drawn, its ``summary`` in words."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    summary: str


def histogram(name: str, counts: Sequence[int]) -> Histogram:
    """One of `SCALES` with its ``counts`` (bins,); empty bins at both ends are left out."""
    scale, filled = SCALES[name], np.flatnonzero(counts)
    if not len(filled):
        return Histogram(scale.title, scale.unit, (), (), "nothing to count")
    first, last = int(filled[0]), int(filled[-1])
    bins, most = range(first, last + 1), max(counts)
    width = 100 / len(bins)
    bars = tuple(
        Bar(round(n * width, 3), round(width, 3), counts[one] / most, int(counts[one]), _bin(scale, one))
        for n, one in enumerate(bins)
    )
    middle = int(np.searchsorted(np.cumsum(counts), sum(counts) / 2))
    return Histogram(scale.title, scale.unit, bars, _ticks(scale, bins), f"median: {_bin(scale, middle)}")


def _bin(scale: Scale, one: int) -> str:
    """A bin in words."""
    unit = f" {scale.unit}" if scale.unit else ""
    if one == len(scale.edges) - 1:
        return f"{scale.edges[one]:g}{unit} or more"
    if scale.whole:
        return f"{scale.edges[one]:g}{unit}"
    return f"{scale.edges[one]:g} to {scale.edges[one + 1]:g}{unit}"


def _ticks(scale: Scale, bins: range) -> tuple[Tick, ...]:
    width, every = 100 / len(bins), math.ceil(len(bins) / _MOST_LABELS)
    if scale.whole:
        return tuple(
            Tick(round((n + 0.5) * width, 3), f"{scale.edges[one]:g}") for n, one in enumerate(bins) if not (n % every)
        )
    # The edges of the bins, the last one's upper edge too unless it is open.
    edges = [*bins, *([bins[-1] + 1] if bins[-1] + 1 < len(scale.edges) else [])]
    return tuple(
        Tick(round(n * width, 3), f"{scale.edges[one]:,g}", "end" if n == len(bins) else "middle" if n else "start")
        for n, one in enumerate(edges)
        if not (n % every)
    )


@dataclass(frozen=True)
class GroupBar:
    """A group's bar: its length in percent of the longest."""

    group: str
    count: int
    length: float


def group_bars(table: Table) -> list[list[GroupBar]]:
    """For each column of Table 2 a bar of each expression group."""
    found = []
    for column in range(len(Counts._fields)):
        most = max([counts[column] for counts in table.rows.values()] + [1])
        found.append(
            [
                GroupBar(group, counts[column], round(100 * counts[column] / most, 2))
                for group, counts in table.rows.items()
            ]
        )
    return found


def lane(spans: Sequence[tuple[float, float]], end_s: float) -> str:
    """When somebody is seen, as an SVG path in a box of `LANE` by 10, the whole of it ``end_s`` seconds.

    Appearances that follow each other are parted by a thousandth, as far as they are long enough to show it.

    Example:
        >>> lane([(0, 1), (1, 2)], 4)
        'M0 0h250v10h-250zM251 0h249v10h-249z'
    """
    drawn: list[tuple[float, float]] = []
    for start_s, stop_s in spans:
        start, stop = LANE * start_s / end_s, LANE * stop_s / end_s
        stop = min(LANE, max(stop, start + 1))
        if drawn and start < drawn[-1][1] + 1:
            if stop - drawn[-1][1] < 3 or start < drawn[-1][1] - 1:
                drawn[-1] = (drawn[-1][0], max(stop, drawn[-1][1]))
                continue
            start = drawn[-1][1] + 1
        drawn.append((start, stop))
    return "".join(f"M{start:.4g} 0h{w:.4g}v10h-{w:.4g}z" for start, stop in drawn if (w := stop - start) > 0)


def cut_lines(moments_s: Iterable[float], end_s: float) -> str:
    """Moments of a video of ``end_s`` seconds as an SVG path of lines through a lane, each thousandth drawn once.

    Example:
        >>> cut_lines([1.0, 1.001, 2.5], 5)
        'M200 0v10M500 0v10'
    """
    places = dict.fromkeys(round(LANE * one / end_s) for one in moments_s if 0 < one < end_s)
    return "".join(f"M{place} 0v10" for place in places)


def time_ticks(end_s: float) -> tuple[Tick, ...]:
    """Round moments of a video of ``end_s`` seconds."""
    step = next((step for step in _STEPS_S if end_s / step <= _MOST_TICKS), 3600 * math.ceil(end_s / 3600 / 5))
    moments = [step * n for n in range(int(end_s / step) + 1)]
    return tuple(
        Tick(x := round(100 * s / end_s, 3), moment(s), "start" if not s else "end" if x > 96 else "middle")
        for s in moments
    )


def moment(seconds: float) -> str:
    """A time in a video.

    Example:
        >>> moment(3725.4), moment(4)
        ('1:02:05', '0:04')
    """
    if seconds != int(seconds) and seconds < 10:
        return f"{seconds:.1f} s"
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def shades(cells: npt.NDArray[np.int64]) -> list[tuple[float, str]]:
    """Counts (rows, columns) as shades: the opacity of each, and the SVG path of its cells, a unit each."""
    most = int(cells.max(initial=0))
    if not most:
        return []
    levels = np.ceil(LEVELS * cells / most).astype(int)
    found = []
    for level in range(1, LEVELS + 1):
        path = ""
        for y, line in enumerate(levels == level):
            edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(int)))
            path += "".join(f"M{a} {y}h{b - a}v1h-{b - a}z" for a, b in edges.reshape(-1, 2).tolist())
        if path:
            found.append((level / LEVELS, path))
    return found
