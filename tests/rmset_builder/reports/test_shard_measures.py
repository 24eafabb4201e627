from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from collection import FRAMES, PEOPLE, PLACES, ROWS, Collection

from rmset_builder.core.errors import RmsetError
from rmset_builder.reports.measures import (
    COVERAGE_CELLS,
    SCALES,
    FaceColumns,
    appearances,
    coverage,
    distributions,
    read_face_columns,
    seconds_on_screen,
)
from rmset_builder.shards.layout import find_shards


def columns(rows: list[tuple[int, int, int]], boxes: list[tuple[float, float, float, float]]) -> FaceColumns:
    """Rows of (frame, identity, track), ten frames a second."""
    frame, identity, track = np.array(rows, np.int32).reshape(-1, 3).T
    n = len(rows)
    return FaceColumns(
        frame, identity, track, frame / 10.0, np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.3, 0.99, n, dtype=np.float32), np.linspace(0, 9000, n, dtype=np.float32),
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(640, 360), (360, 640), (100, 100), (37, 1000)])
def test_coverage_counts_the_boxes_of_each_cell(shape: tuple[int, int]) -> None:
    width, height = shape
    random = np.random.default_rng(3)
    corner = random.uniform(-0.3, 1.1, (200, 2)) * shape
    boxes = np.concatenate([corner, corner + random.uniform(0.5, 0.4 * max(shape), (200, 2))], 1).astype(np.float32)
    found = coverage(boxes, width, height)
    rows, cells = found.shape
    assert max(rows, cells) == COVERAGE_CELLS
    expected = np.zeros_like(found)
    for y in range(rows):
        for x in range(cells):
            left, right = x * width / cells, (x + 1) * width / cells
            top, bottom = y * height / rows, (y + 1) * height / rows
            for x0, y0, x1, y1 in boxes.astype(np.float64).tolist():
                expected[y, x] += x0 < right and x1 > left and y0 < bottom and y1 > top
    assert np.array_equal(found, expected)


def test_each_track_is_an_appearance_of_its_identity() -> None:
    rows = [(0, 1, 7), (1, 1, 7), (2, 1, 7), (2, 0, 4), (3, 0, 4), (5, 1, 9), (9, 0, 5), (9, 0, 6)]
    found = appearances(columns(rows, [(0, 0, 1, 1)] * len(rows)), 0.1)
    expected = {0: [(0.2, 0.4), (0.9, 1.0), (0.9, 1.0)], 1: [(0.0, 0.3), (0.5, 0.6)]}
    assert found.keys() == expected.keys()
    for who, spans in expected.items():
        assert found[who] == [pytest.approx(span) for span in spans]
    assert appearances(columns([], []), 0.1) == {}


def test_somebody_shown_twice_at_once_is_on_screen_once() -> None:
    rows = [(0, 1, 7), (0, 1, 8), (1, 1, 7), (1, 3, 2), (4, 3, 2), (4, 3, 5), (9, 1, 9)]
    assert seconds_on_screen(columns(rows, [(0, 0, 1, 1)] * 7), 0.5).tolist() == [1.5, 1.0]
    assert seconds_on_screen(columns([], []), 0.5).tolist() == []


def test_distributions_count_every_face_every_frame_and_everybody() -> None:
    rows = [(0, 0, 0), (0, 1, 1), (0, 2, 2), (4, 1, 1)]
    boxes = [(0, 0, 10, 10), (0, 0, 16, 16), (5, 5, 105, 45), (0, 0, 600, 700)]
    found = distributions(columns(rows, boxes), 10, 1.5)
    frames = found["faces_per_frame"]
    assert (frames[0], frames[1], frames[3], frames.sum()) == (8, 1, 1, 10)
    sides = dict(zip(SCALES["side"].edges, found["side"].tolist(), strict=True))
    assert {edge: n for edge, n in sides.items() if n} == {8: 1, 16: 1, 48: 1, 512: 1}  # 10, 16, 63.2, 648 pixels
    seconds = dict(zip(SCALES["seconds"].edges, found["seconds"].tolist(), strict=True))
    assert {edge: n for edge, n in seconds.items() if n} == {1: 2, 2: 1}  # 1.5, 3 and 1.5 seconds
    assert found["det_score"].sum() == found["sharpness"].sum() == len(rows)
    scores = [(edge, int(n)) for edge, n in zip(SCALES["det_score"].edges, found["det_score"], strict=True) if n]
    assert scores == [(pytest.approx(edge), 1) for edge in (0.3, 0.5, 0.75, 0.95)]


def test_columns_of_all_shards_are_read_and_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmset_builder.shards.writer.ROWS_PER_SHARD", 150)
    made = Collection(tmp_path)
    own = [shard for shard in find_shards(made.shards) if shard.video == "one"]
    assert len(own) > 2
    faces = read_face_columns(own)
    assert len(faces) == ROWS
    assert np.array_equal(faces.frame, PLACES[0])
    assert np.array_equal(faces.identity, PLACES[1])
    assert np.array_equal(faces.track, PLACES[1] + 10)
    assert np.array_equal(faces.sharpness, np.arange(ROWS, dtype=np.float32))
    people = distributions(faces, FRAMES, 0.04)
    assert people["seconds"].sum() == PEOPLE
    assert people["faces_per_frame"] @ np.arange(len(people["faces_per_frame"])) == ROWS


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    made = Collection(tmp_path)
    path = next(shard.path for shard in find_shards(made.shards) if shard.video == "two")
    table = pq.read_table(path)
    times = table["time_s"].to_numpy().copy()
    times[3] = np.nan
    changed = table.set_column(table.schema.get_field_index("time_s"), table.schema.field("time_s"), [times])
    pq.write_table(changed, path, write_page_checksum=True)
    with pytest.raises(RmsetError, match=r"two-00000\.parquet has values that are no numbers"):
        read_face_columns([shard for shard in find_shards(made.shards) if shard.video == "two"])
