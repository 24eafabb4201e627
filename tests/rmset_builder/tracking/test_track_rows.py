"""Rows of tracks and faces: doubles left out, people told apart, blocks joined."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_keyframes import at, covered, keyframe, link

from rmset_builder.core.geometry import Array
from rmset_builder.detection.faces import Faces
from rmset_builder.tracking.tracker import (
    TrackRows,
    drop_doubles,
    drop_filled_doubles,
    frame_runs,
    frames_apart,
    with_known,
)


def some_faces(boxes: Array, scores: Array) -> Faces:
    return Faces(boxes, np.zeros((len(boxes), 10), np.float32), scores)


def random_boxes(rng: np.random.Generator, count: int) -> Array:
    corner = rng.uniform(0, 60, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(5, 50, (count, 2))], axis=1).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(0, 8))
def test_unsure_faces_on_sure_ones_are_left_out(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores = random_boxes(rng, count), rng.uniform(0, 1, count).astype(np.float32)
    sure = [box for box, score in zip(boxes.tolist(), scores, strict=True) if score >= 0.5]
    stay = [
        row
        for row, (box, score) in enumerate(zip(boxes.tolist(), scores, strict=True))
        if score >= 0.5 or not any(covered(box, other) > 0.5 for other in sure)
    ]
    found = drop_doubles(some_faces(boxes, scores), det_threshold=0.5)
    np.testing.assert_array_equal(found.scores, scores[stay])
    np.testing.assert_array_equal(found.boxes, boxes[stay])


@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(0, 6))
def test_faces_found_on_known_ones_are_the_known_ones(seed: int, found: int, known: int) -> None:
    rng = np.random.default_rng(seed)
    new = some_faces(random_boxes(rng, found), np.full(found, 0.9, np.float32))
    old = some_faces(random_boxes(rng, known), np.full(known, 0.3, np.float32))
    both = with_known(new, old)
    boxes = both.boxes.tolist()
    stay = [box for box in new.boxes.tolist() if not any(covered(box, other) > 0.5 for other in old.boxes.tolist())]
    assert sorted(boxes) == sorted(old.boxes.tolist() + stay)
    assert [score for score in both.scores.tolist() if score < 0.5] == [pytest.approx(0.3)] * known
    assert len(both.landmarks) == len(both)


def make_rows(frame: npt.ArrayLike, track: npt.ArrayLike, boxes: Array, filled: npt.ArrayLike) -> TrackRows:
    values = np.zeros((len(boxes), 15), np.float32)
    values[:, :4] = boxes
    return TrackRows(np.array(frame, np.int32), np.array(track, np.int32), values, np.array(filled, bool))


@given(st.integers(0, 2**32 - 1))
def test_filled_rows_on_other_faces_are_left_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 16))
    frame, track = rng.integers(0, 3, count), np.arange(count)
    boxes, filled = random_boxes(rng, count), rng.random(count) < 0.5
    kept = drop_filled_doubles(make_rows(frame, track, boxes, filled))

    def on_one_of(row: int, others: Iterable[int]) -> bool:
        near = (k for k in others if k != row and frame[k] == frame[row])
        return any(covered(boxes[row].tolist(), boxes[k].tolist()) > 0.5 for k in near)

    stay = kept.track.tolist()
    assert stay == sorted(stay)
    for row in range(count):
        if not filled[row]:
            assert row in stay, "what the detector saw stays"
        elif row in stay:
            assert not on_one_of(row, stay)
        else:
            assert on_one_of(row, range(count))


def test_of_two_filled_rows_on_each_other_one_stays() -> None:
    boxes = np.array([at(0), at(10), at(0)], np.float32)
    kept = drop_filled_doubles(make_rows([5, 5, 6], [0, 1, 0], boxes, [True, True, True]))
    assert len(kept) == 2
    assert sorted(kept.frame.tolist()) == [5, 6]


@given(st.integers(0, 2**32 - 1))
def test_frames_apart_are_those_that_show_two_tracks_at_different_places(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 6))
    seen = [(frame, track) for frame in range(4) for track in rng.permutation(count) if rng.random() < 0.6]
    seen += [(9, track) for track in range(count)]
    frame = np.array([f for f, _ in seen], np.int32)
    track = np.array([t for _, t in seen])
    boxes = random_boxes(rng, len(seen))
    boxes[frame == 9] = at(0), *[at(0)] * (count - 1)

    expected = np.zeros((count, count), np.int32)
    for (i, (f, t)), (j, (g, u)) in itertools.permutations(enumerate(seen), 2):
        if f == g and covered(boxes[i].tolist(), boxes[j].tolist()) < 0.5:
            expected[t, u] += 1

    found = frames_apart(frame, track, boxes)
    np.testing.assert_array_equal(found, expected)
    assert not found.diagonal().any()


def test_nobody_is_apart_where_nobody_is() -> None:
    nothing = np.empty(0, np.int32)
    assert frames_apart(nothing, nothing, np.empty((0, 4), np.float32)).shape == (0, 0)


@given(st.lists(st.integers(0, 9)))
def test_runs_are_the_groups_of_equal_frames(frames: list[int]) -> None:
    frames.sort()
    found = list(frame_runs(np.array(frames, np.int32)))
    assert [frames[start:stop] for start, stop in found] == [list(group) for _, group in itertools.groupby(frames)]
    assert [start for start, _ in found] == [0, *(stop for _, stop in found)][: len(found)]


def test_rows_are_joined_in_order() -> None:
    one, two = link(keyframe(0, (at(0), 0.9, 0))), link(keyframe(3, (at(5), 0.8, 0)))
    both = TrackRows.joined([two, one])
    assert both.frame.tolist() == [3, 0]
    assert both.boxes[:, 0].tolist() == [5, 0]
    nothing = TrackRows.joined([])
    assert (len(nothing), nothing.boxes.shape, nothing.landmarks.shape, nothing.scores.shape) == (
        0,
        (0, 4),
        (0, 10),
        (0,),
    )
    assert TrackRows.joined([nothing, one]).values.dtype == np.float32
