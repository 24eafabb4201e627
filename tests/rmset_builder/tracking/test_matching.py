from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_keyframes import RULES, at, keyframe

from rmset_builder.tracking.matching import Keyframe, LinkRules, match, match_seen
from rmset_builder.video.shots import Settled


def iou(a: Iterable[float], b: Iterable[float]) -> float:
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a, b
    both = max(0, min(ax1, bx1) - max(ax0, bx0)) * max(0, min(ay1, by1) - max(ay0, by0))
    return both / ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - both)


def next_look(x: float, likeness: float, *, side: float = 100, since: int = -1, score: float = 0.9) -> Keyframe:
    """Frame 1 with one face, so much like the person 0 of `keyframe`, in a place that shows it since a frame."""
    seen = keyframe(1, (at(x, side=side), score, 0))
    seen.patches[0, :2] = likeness, np.sqrt(1 - likeness**2)
    return replace(seen, settled=Settled(np.array([since], np.int32), np.ones(1, np.float32), np.array([since > 0])))


BEFORE = keyframe(0, (at(0), 0.9, 0))


@pytest.mark.parametrize(("likeness", "linked"), [(0.66, True), (0.64, False)])
def test_likeness_links_from_the_rules_bound_on(likeness: float, linked: bool) -> None:
    assert len(match(BEFORE, next_look(0, likeness), RULES)) == linked


@pytest.mark.parametrize(("shift", "linked"), [(42, True), (43, False)])
def test_overlap_links_from_the_rules_bound_on(shift: int, linked: bool) -> None:
    assert (iou(at(0), at(shift)) >= RULES.overlap) == linked
    assert len(match(BEFORE, next_look(shift, RULES.likeness_leapt - 0.01), RULES)) == linked


def test_sure_faces_choose_first() -> None:
    before = keyframe(0, (at(0), 0.9, 0))
    after = keyframe(1, (at(0), 0.49, 0), (at(20), 0.5, 0))
    assert match(before, after, RULES).tolist() == [[0, 1]]
    assert match(before, after, LinkRules(det_threshold=0.3)).tolist() == [[0, 0]]


# From faces each of which could be any other to faces of which hardly two overlap.
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4), st.sampled_from([30, 60, 120, 200]))
@settings(max_examples=120)
def test_faces_are_matched_so_that_they_overlap_most_together(seed: int, before: int, after: int, room: int) -> None:
    rng = np.random.default_rng(seed)
    old, new = (rng.uniform(0, room, (count, 2)) for count in (before, after))
    a = keyframe(0, *((at(x, y), 0.9, 0) for x, y in old))
    b = keyframe(1, *((at(x, y), 0.9, 0) for x, y in new))

    def worth(pairs: Iterable[tuple[int, int]]) -> float:
        shares = (iou(a.faces.boxes[i].tolist(), b.faces.boxes[j].tolist()) for i, j in pairs)
        return sum(share for share in shares if share >= RULES.overlap)

    found = [(int(i), int(j)) for i, j in match(a, b, replace(RULES, leap=0))]
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


@pytest.mark.parametrize(("likeness", "linked"), [(0.76, True), (0.74, False)])
def test_in_a_place_that_is_new_a_face_must_be_more_alike(likeness: float, linked: bool) -> None:
    moved = next_look(20, likeness, since=1)
    assert len(match(BEFORE, moved, RULES)) == linked
    assert len(match(BEFORE, next_look(20, likeness, since=0), RULES)), "what changed before does not count"


@pytest.mark.parametrize(
    ("x", "side", "likeness", "linked"),
    [
        (99, 100, 0.86, True),
        (-99, 100, 0.86, True),
        (102, 100, 0.86, False),
        (99, 100, 0.84, False),
        (60, 140, 0.86, True),
        (60, 160, 0.86, False),
        (60, 60, 0.86, False),
    ],
)
def test_a_face_may_leap_as_far_as_it_is_wide_if_it_looks_the_same(
    x: float, side: float, likeness: float, linked: bool
) -> None:
    assert iou(at(0), at(x, side=side)) < RULES.overlap
    for since in (-1, 1):
        assert len(match(BEFORE, next_look(x, likeness, side=side, since=since), RULES)) == linked


def test_a_face_that_stays_chooses_before_one_that_leaps() -> None:
    before = keyframe(0, (at(0), 0.9, 0), (at(60), 0.9, 0))
    after = keyframe(1, (at(60), 0.9, 0), (at(120), 0.9, 0))
    assert match(before, after, RULES).tolist() == [[1, 0]], "what is left lies further apart than it is wide"
    found = match_seen(before.faces.boxes, before.patches, np.array([0, 0]), keyframe(1, (at(50), 0.9, 0)), RULES)
    assert (found.pairs.tolist(), found.leapt.tolist()) == ([[1, 0]], [False])


def test_of_two_that_may_have_leapt_the_more_alike_is_taken() -> None:
    after = keyframe(1, (at(80), 0.9, 0), (at(-80), 0.9, 0))
    after.patches[0, :2] = 0.9, np.sqrt(1 - 0.9**2)
    found = match_seen(BEFORE.faces.boxes, BEFORE.patches, np.array([0]), after, RULES)
    assert (found.pairs.tolist(), found.leapt.tolist()) == ([[0, 1]], [True])


def test_an_unsure_face_may_leap_after_the_sure_ones() -> None:
    assert match(BEFORE, next_look(80, 0.9, score=0.3), RULES).tolist() == [[0, 0]]
    after = keyframe(1, (at(0), 0.3, 0), (at(80), 0.9, 0))
    assert match(BEFORE, after, RULES).tolist() == [[0, 1]]
