from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmset_builder.core.geometry import Array
from rmset_builder.detection.faces import Faces
from rmset_builder.tracking.tracker import (
    Keyframe,
    LinkRules,
    TrackLinker,
    TrackRows,
    drop_doubles,
    drop_filled_doubles,
    frame_runs,
    frames_apart,
    match,
    with_known,
)
from rmset_builder.video.shots import Settled

RULES = LinkRules(det_threshold=0.5)
Box = Sequence[float]


def iou(a: Iterable[float], b: Iterable[float]) -> float:
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a, b
    both = max(0, min(ax1, bx1) - max(ax0, bx0)) * max(0, min(ay1, by1) - max(ay0, by0))
    return both / ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - both)


def covered(a: Iterable[float], b: Iterable[float]) -> float:
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a, b
    both = max(0, min(ax1, bx1) - max(ax0, bx0)) * max(0, min(ay1, by1) - max(ay0, by0))
    return both / min((ax1 - ax0) * (ay1 - ay0), (bx1 - bx0) * (by1 - by0))


def landmarks_in(box: Box) -> list[float]:
    x0, y0, x1, y1 = box
    places = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
    return [value for u, v in places for value in (x0 + u * (x1 - x0), y0 + v * (y1 - y0))]


def keyframe(frame: int, *faces: tuple[Box, float, int]) -> Keyframe:
    """A frame with faces: box, score, and whose picture it shows; pictures of two people have nothing in common."""
    looks = np.zeros((len(faces), 8), np.float32)
    for row, (_, _, person) in zip(looks, faces, strict=True):
        row[person] = 1
    settled = Settled.for_ever(len(faces))
    if not faces:
        return Keyframe(frame, Faces.none(), looks, settled)
    return Keyframe(
        frame,
        Faces(
            np.array([box for box, _, _ in faces], np.float32),
            np.array([landmarks_in(box) for box, _, _ in faces], np.float32),
            np.array([score for _, score, _ in faces], np.float32),
        ),
        looks,
        settled,
    )


def at(x: float, y: float = 50, *, side: float = 100) -> list[float]:
    return [x, y, x + side, y + side]


def link(*keyframes: Keyframe, cuts: Iterable[int] = (), rules: LinkRules = RULES) -> TrackRows:
    linker = TrackLinker(rules)
    return TrackRows.joined([linker.advance(k, cut=k.frame in set(cuts)) for k in keyframes])


def frames_of(rows: TrackRows) -> dict[int, list[int]]:
    return {int(track): sorted(rows.frame[rows.track == track].tolist()) for track in np.unique(rows.track)}


def test_even_motion_is_filled_in_exactly() -> None:
    def face(frame: int) -> tuple[Box, float, int]:
        return [10 + 3 * frame, 20 - frame, 110 + 4 * frame, 140 + 2 * frame], 0.9 - frame / 100, 0

    rows = link(*(keyframe(frame, face(frame)) for frame in (0, 4, 5, 12)))

    assert frames_of(rows) == {0: list(range(13))}
    assert rows.frame.tolist() == list(range(13))
    truth = keyframe(0, *(face(frame) for frame in range(13))).faces
    np.testing.assert_allclose(rows.boxes, truth.boxes, rtol=1e-5)
    np.testing.assert_allclose(rows.landmarks, truth.landmarks, rtol=1e-5)
    np.testing.assert_allclose(rows.scores, truth.scores, rtol=1e-5)
    assert not rows.filled.any(), "no keyframe was without the face"
    assert (rows.frame.dtype, rows.track.dtype, rows.values.dtype) == (np.int32, np.int32, np.float32)


def test_rows_come_as_soon_as_they_are_certain() -> None:
    linker = TrackLinker(RULES)
    assert linker.advance(keyframe(0, (at(0), 0.9, 0))).frame.tolist() == [0]
    assert linker.advance(keyframe(3, (at(0), 0.9, 0))).frame.tolist() == [1, 2, 3]
    assert linker.advance(keyframe(4)).frame.tolist() == []
    assert linker.advance(keyframe(6, (at(0), 0.9, 0))).frame.tolist() == [4, 5, 6]


def test_a_gap_is_filled_and_marked() -> None:
    rows = link(keyframe(0, (at(0), 0.9, 0)), keyframe(2, (at(2), 0.9, 0)), keyframe(4), keyframe(8, (at(8), 0.9, 0)))
    assert frames_of(rows) == {0: list(range(9))}
    assert rows.frame[rows.filled].tolist() == [3, 4, 5, 6, 7]
    np.testing.assert_allclose(rows.boxes[:, 0], rows.frame, rtol=1e-5)


@pytest.mark.parametrize(("gap", "tracks"), [(7, 1), (8, 1), (9, 2)])
def test_a_face_that_is_away_too_long_comes_back_as_another_track(gap: int, tracks: int) -> None:
    middle = [keyframe(frame) for frame in range(11, 10 + gap)]
    rows = link(keyframe(10, (at(0), 0.9, 0)), *middle, keyframe(10 + gap, (at(0), 0.9, 0)))
    assert len(frames_of(rows)) == tracks
    assert len(rows) == (gap + 1 if tracks == 1 else 2)
    assert (
        link(
            keyframe(10, (at(0), 0.9, 0)),
            keyframe(10 + gap, (at(0), 0.9, 0)),
            rules=replace(RULES, longest_gap=gap),
        ).track.max()
        == 0
    )


def test_a_cut_ends_every_track_and_nothing_is_filled_across_it() -> None:
    face = (at(0), 0.9, 0)
    rows = link(keyframe(0, face), keyframe(3, face), keyframe(4, face), keyframe(6, face), cuts=[4])
    assert frames_of(rows) == {0: [0, 1, 2, 3], 1: [4, 5, 6]}
    rows = link(keyframe(0, face), keyframe(3), keyframe(4), keyframe(6, face), cuts=[4])
    assert frames_of(rows) == {0: [0], 1: [6]}


def test_another_picture_in_the_same_place_is_another_face() -> None:
    rows = link(keyframe(0, (at(0), 0.9, 0)), keyframe(1, (at(0), 0.9, 1)), keyframe(2, (at(0), 0.9, 1)))
    assert frames_of(rows) == {0: [0], 1: [1, 2]}


@pytest.mark.parametrize(("likeness", "linked"), [(0.66, True), (0.64, False)])
def test_likeness_links_from_the_rules_bound_on(likeness: float, linked: bool) -> None:
    before, after = keyframe(0, (at(0), 0.9, 0)), keyframe(1, (at(0), 0.9, 0))
    after.patches[0, :2] = likeness, np.sqrt(1 - likeness**2)
    assert len(match(before, after, RULES)) == linked


@pytest.mark.parametrize(("shift", "linked"), [(42, True), (43, False)])
def test_overlap_links_from_the_rules_bound_on(shift: int, linked: bool) -> None:
    before, after = keyframe(0, (at(0), 0.9, 0)), keyframe(1, (at(shift), 0.9, 0))
    assert (iou(at(0), at(shift)) >= RULES.overlap) == linked
    assert len(match(before, after, RULES)) == linked


def test_an_unsure_face_goes_on_with_a_track() -> None:
    rows = link(*(keyframe(frame, (at(frame), score, 0)) for frame, score in enumerate((0.9, 0.25, 0.3, 0.8))))
    assert frames_of(rows) == {0: [0, 1, 2, 3]}
    np.testing.assert_allclose(rows.scores, [0.9, 0.25, 0.3, 0.8])
    assert not rows.filled.any()


def test_an_unsure_face_alone_is_a_track_of_its_own_that_others_may_judge() -> None:
    rows = link(keyframe(0, (at(0), 0.9, 0), (at(400), 0.3, 1)), keyframe(1, (at(400), 0.3, 1)))
    assert frames_of(rows) == {0: [0], 1: [0, 1]}


def test_sure_faces_choose_first() -> None:
    before = keyframe(0, (at(0), 0.9, 0))
    after = keyframe(1, (at(0), 0.49, 0), (at(20), 0.5, 0))
    assert match(before, after, RULES).tolist() == [[0, 1]]
    assert match(before, after, LinkRules(det_threshold=0.3)).tolist() == [[0, 0]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=60)
def test_faces_are_matched_so_that_they_overlap_most_together(seed: int, before: int, after: int) -> None:
    rng = np.random.default_rng(seed)
    old, new = (rng.uniform(0, 60, (count, 2)) for count in (before, after))
    a = keyframe(0, *((at(x, y), 0.9, 0) for x, y in old))
    b = keyframe(1, *((at(x, y), 0.9, 0) for x, y in new))

    def worth(pairs: Iterable[tuple[int, int]]) -> float:
        shares = (iou(a.faces.boxes[i].tolist(), b.faces.boxes[j].tolist()) for i, j in pairs)
        return sum(share for share in shares if share >= RULES.overlap)

    found = [(int(i), int(j)) for i, j in match(a, b, RULES)]
    few, many = sorted((before, after))
    best = max(
        worth(zip(p, range(few), strict=True) if before > after else zip(range(few), p, strict=True))
        for p in itertools.permutations(range(many), few)
    )
    assert worth(found) == pytest.approx(best, abs=1e-5)
    assert all(iou(a.faces.boxes[i].tolist(), b.faces.boxes[j].tolist()) >= RULES.overlap - 1e-6 for i, j in found)
    assert len({i for i, _ in found}) == len({j for _, j in found}) == len(found)


def test_nothing_matches_nothing() -> None:
    some, none = keyframe(0, (at(0), 0.9, 0)), keyframe(1)
    for a, b in ((some, none), (none, some), (none, none)):
        assert match(a, b, RULES).shape == (0, 2)


def walk(seed: int) -> tuple[list[Keyframe], set[int]]:
    """Keyframes of a few people who wander, vanish and come back, and some cuts."""
    rng = np.random.default_rng(seed)
    frames = np.cumsum(rng.integers(1, 6, rng.integers(1, 13))) - 1
    people = int(rng.integers(0, 5))
    places = rng.uniform(0, 300, (people, 2))
    keyframes = []
    for frame in frames.tolist():
        places += rng.normal(0, 15, places.shape)
        there = [k for k in range(people) if rng.random() < 0.75]
        keyframes.append(keyframe(frame, *((at(*places[k]), rng.uniform(0.2, 1), k) for k in there)))
    return keyframes, {int(frame) for frame in frames if rng.random() < 0.2}


@given(st.integers(0, 2**32 - 1))
def test_tracks_are_unbroken_and_hold_every_detection_once(seed: int) -> None:
    keyframes, cuts = walk(seed)
    rows = link(*keyframes, cuts=cuts)

    for frames in frames_of(rows).values():
        assert frames == list(range(frames[0], frames[-1] + 1)), "one row a frame, none left out"
        assert not [cut for cut in cuts if frames[0] < cut <= frames[-1]]
    assert np.unique(rows.track).tolist() == list(range(len(frames_of(rows))))
    for k in keyframes:
        mine = rows.select((rows.frame == k.frame) & ~rows.filled)
        order, theirs = np.argsort(mine.boxes[:, 0]), np.argsort(k.faces.boxes[:, 0])
        np.testing.assert_allclose(mine.boxes[order], k.faces.boxes[theirs], rtol=1e-5, atol=1e-3)
        np.testing.assert_allclose(mine.scores[order], k.faces.scores[theirs], rtol=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_filled_rows_are_those_of_gaps_with_a_keyframe_in_them(seed: int) -> None:
    keyframes, cuts = walk(seed)
    rows = link(*keyframes, cuts=cuts)
    looked_at = {k.frame: k.faces.boxes for k in keyframes}
    for track in range(len(frames_of(rows))):
        mine = rows.select(rows.track == track)
        mine = mine.select(np.argsort(mine.frame))
        found = [
            frame in looked_at and bool((np.abs(looked_at[frame] - box).max(axis=1, initial=0) < 1e-3).any())
            for frame, box in zip(mine.frame.tolist(), mine.boxes, strict=True)
        ]
        seen = mine.frame[found].tolist()
        assert {mine.frame[0], mine.frame[-1]} <= set(seen)
        for a, b in itertools.pairwise(seen):
            missed = any(a < frame < b for frame in looked_at)
            assert (mine.filled[(mine.frame > a) & (mine.frame < b)] == missed).all()
        assert not mine.filled[found].any()


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


def changed(there: Keyframe, **changes: list[float]) -> Keyframe:
    """A keyframe with other values of what its boxes showed before."""
    arrays = {name: np.asarray(value).astype(getattr(there.settled, name).dtype) for name, value in changes.items()}
    return replace(there, settled=replace(there.settled, **arrays))


def test_a_track_ends_where_its_place_shows_something_new() -> None:
    one, two = keyframe(0, (at(0), 0.9, 0), (at(300), 0.9, 1)), keyframe(4, (at(0), 0.9, 0), (at(300), 0.9, 1))
    assert len(match(one, changed(two, since=[3, 0]), RULES)) == 1
    found = link(one, changed(two, since=[3, 0]))
    assert frames_of(found) == {0: [0], 1: [0, 1, 2, 3, 4], 2: [4]}


def test_a_link_over_a_slow_change_is_a_doubt() -> None:
    linker = TrackLinker(RULES)
    faces = (at(0), 0.9, 0), (at(300), 0.9, 1), (at(600), 0.9, 2)
    linker.advance(keyframe(0, *faces))
    linker.advance(changed(keyframe(4, *faces), steady=[0.9, 0.5, 0.9]))
    assert (linker.doubts, linker.transitions) == ([(1, 4)], [])
    linker.advance(changed(keyframe(8, *faces), steady=[0.9, 0.5, 0.5]))
    assert linker.doubts == [(1, 4), (0, 8), (1, 8), (2, 8)], "where most of the picture changes all are in doubt"
    assert linker.transitions == [8]


def test_places_that_change_one_after_the_other_are_a_transition_and_all_at_once_are_none() -> None:
    faces = (at(0), 0.9, 0), (at(300), 0.9, 1), (at(600), 0.9, 2), (at(900), 0.9, 3)
    for since, transitions in (([3, 3, 3, 3], []), ([1, 2, 3, 4], [4])):
        linker = TrackLinker(RULES)
        linker.advance(changed(keyframe(4, *faces), since=since, is_new=[1, 1, 1, 1]))
        assert linker.transitions == transitions


def test_of_two_faces_nobody_says_that_most_of_the_picture_changes() -> None:
    linker = TrackLinker(RULES)
    linker.advance(changed(keyframe(4, (at(0), 0.9, 0), (at(300), 0.9, 1)), steady=[0.1, 0.1]))
    assert linker.transitions == []


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
