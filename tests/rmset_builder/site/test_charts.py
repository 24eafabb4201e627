from __future__ import annotations

import re

import numpy as np
import pytest

from rmset_builder.reports.measures import SCALES
from rmset_builder.reports.paper import Counts
from rmset_builder.reports.stats import Table
from rmset_builder.site.charts import LANE, LEVELS, group_bars, histogram, lane, moment, shades, time_ticks


def rectangles(path: str) -> list[tuple[float, ...]]:
    """Left, top, width and height of the boxes of a path."""
    found = re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-([\d.]+)z", path)
    assert "".join("M{} {}h{}v{}h-{}z".format(*one) for one in found) == path
    assert all(there == back for *_, there, _, back in found)
    return [tuple(map(float, one[:4])) for one in found]


def test_a_lane_is_filled_while_somebody_is_seen() -> None:
    random = np.random.default_rng(2)
    starts = np.cumsum(random.uniform(0.5, 9, 60))
    spans = [(s, s + random.uniform(0.2, 6)) for s in starts.tolist()]
    end_s = spans[-1][1] + 5
    drawn = rectangles(lane(spans, end_s))
    moments = np.arange(0.5, LANE) * end_s / LANE
    seen = np.array([any(a <= t < b for a, b in spans) for t in moments])
    filled = np.zeros(LANE)
    for left, _, width, _ in drawn:
        filled[int(left) : int(np.ceil(left + width))] += 1
    # Beginnings, ends and the gaps between tracks are a thousandth each.
    assert (seen != (filled > 0)).sum() <= 2 * len(spans)
    assert all(left + width <= LANE + 0.1 for left, _, width, _ in drawn)


def test_tracks_that_follow_each_other_are_parted_and_short_ones_are_seen() -> None:
    assert rectangles(lane([(0, 1), (1, 2), (3, 4)], 4)) == [(0, 0, 250, 10), (251, 0, 249, 10), (750, 0, 250, 10)]
    assert rectangles(lane([(5, 5.0001)], 10)) == [(500, 0, 1, 10)]
    many = [(n / 100, (n + 1) / 100) for n in range(100_000)]
    assert len(rectangles(lane(many, 1000))) <= LANE
    assert rectangles(lane([(0, 4), (1, 2)], 4)) == [(0, 0, 1000, 10)]


def test_a_histogram_has_a_bar_for_each_bin_between_the_first_and_the_last() -> None:
    counts = [0] * len(SCALES["side"].edges)
    counts[3], counts[5], counts[6] = 10, 40, 20
    chart = histogram("side", counts)
    assert [(bar.label, bar.count, bar.height) for bar in chart.bars] == [
        ("24 to 32 px", 10, 0.25),
        ("32 to 48 px", 0, 0),
        ("48 to 64 px", 40, 1),
        ("64 to 96 px", 20, 0.5),
    ]
    assert [(bar.x, bar.width) for bar in chart.bars] == [(25.0 * n, 25.0) for n in range(4)]
    assert chart.summary == "median: 48 to 64 px"
    ticks = [(0, "24"), (25, "32"), (50, "48"), (75, "64"), (100, "96")]
    assert [(tick.x, tick.label) for tick in chart.ticks] == ticks
    assert histogram("side", [0] * len(counts)).bars == ()


def test_whole_numbers_stand_below_the_middles_of_their_bars() -> None:
    counts = [0] * len(SCALES["faces_per_frame"].edges)
    counts[2], counts[3], counts[50] = 3, 1, 1
    chart = histogram("faces_per_frame", counts)
    assert chart.summary == "median: 2 faces"
    assert (chart.bars[0].label, chart.bars[-1].label) == ("2 faces", "50 faces or more")
    assert (chart.ticks[0].label, chart.ticks[0].x) == ("2", pytest.approx(50 / 49, abs=1e-3))


@pytest.mark.parametrize("end_s", [0.3, 1, 9.96, 12, 24, 61, 600, 3599, 7300, 40_000, 200_000])
def test_moments_are_round_and_few(end_s: float) -> None:
    ticks = time_ticks(end_s)
    assert 2 <= len(ticks) <= 8
    assert (ticks[0].x, ticks[0].label) == (0, "0:00")
    assert all(0 <= tick.x <= 100 for tick in ticks)
    steps = np.diff([tick.x for tick in ticks]) * end_s / 100
    assert np.allclose(steps, steps[0], atol=end_s / 1e4)


def test_moment() -> None:
    assert [moment(s) for s in (0, 0.4, 7, 65.9, 3600, 36_605)] == [
        "0:00",
        "0.4 s",
        "0:07",
        "1:05",
        "1:00:00",
        "10:10:05",
    ]


def test_shades_cover_each_cell_by_its_count() -> None:
    cells = np.random.default_rng(1).integers(0, 40, (9, 16))
    cells[0, :3] = 0
    drawn = np.zeros(cells.shape)
    for opacity, path in shades(cells):
        for left, top, width, height in rectangles(path):
            part = drawn[int(top) : int(top + height), int(left) : int(left + width)]
            assert not part.any()
            part[:] = opacity
    assert np.array_equal(drawn, np.ceil(LEVELS * cells / cells.max()) / LEVELS)
    assert shades(np.zeros((2, 2), np.int64)) == []


def test_bars_of_groups_are_in_proportion() -> None:
    table = Table({"Anger": Counts(1, 10, 100, 50), "Fear": Counts(4, 5, 25, 200)}, Counts(5, 15, 125, 250))
    videos, faces, frames, images = group_bars(table)
    assert [(bar.group, bar.count, bar.length) for bar in videos] == [("Anger", 1, 25), ("Fear", 4, 100)]
    assert [bar.length for bar in (*faces, *frames, *images)] == [100, 50, 100, 25, 25, 100]
