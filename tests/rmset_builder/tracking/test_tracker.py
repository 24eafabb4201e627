from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_keyframes import RULES, Box, at, keyframe, link

from rmset_builder.tracking.matching import Keyframe
from rmset_builder.tracking.tracker import TrackLinker, TrackRows


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


def test_an_unsure_face_goes_on_with_a_track() -> None:
    rows = link(*(keyframe(frame, (at(frame), score, 0)) for frame, score in enumerate((0.9, 0.25, 0.3, 0.8))))
    assert frames_of(rows) == {0: [0, 1, 2, 3]}
    np.testing.assert_allclose(rows.scores, [0.9, 0.25, 0.3, 0.8])
    assert not rows.filled.any()


def test_an_unsure_face_alone_is_a_track_of_its_own_that_others_may_judge() -> None:
    rows = link(keyframe(0, (at(0), 0.9, 0), (at(400), 0.3, 1)), keyframe(1, (at(400), 0.3, 1)))
    assert frames_of(rows) == {0: [0], 1: [0, 1]}


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


def changed(there: Keyframe, **changes: list[float]) -> Keyframe:
    """A keyframe with other values of what its boxes showed before."""
    arrays = {name: np.asarray(value).astype(getattr(there.settled, name).dtype) for name, value in changes.items()}
    return replace(there, settled=replace(there.settled, **arrays))


def test_a_track_ends_where_its_place_shows_something_new() -> None:
    one, two = keyframe(0, (at(0), 0.9, 0), (at(300), 0.9, 1)), keyframe(4, (at(0), 0.9, 0), (at(300), 0.9, 1))
    two.patches[:, 7], two.patches[0, 0], two.patches[1, 1] = np.sqrt(1 - 0.7**2), 0.7, 0.7
    found = link(one, changed(two, since=[3, 0]))
    assert frames_of(found) == {0: [0], 1: [0, 1, 2, 3, 4], 2: [4]}


def test_a_face_that_leaps_goes_on_with_its_track_and_is_a_doubt() -> None:
    linker = TrackLinker(RULES)
    steps = [
        linker.advance(keyframe(frame, (at(place), 0.9, 0))) for frame, place in ((0, 0), (1, 90), (2, 95), (3, 5))
    ]
    rows = TrackRows.joined(steps)
    assert frames_of(rows) == {0: [0, 1, 2, 3]}
    assert linker.doubts == [(0, 1), (0, 3)]


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
