from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.core.geometry import covered_share
from rmset_builder.detection.faces import Faces
from rmset_builder.tracking.keyframes import Glance, KeyframeRules, find_keyframes
from rmset_builder.tracking.matching import Keyframe, LinkRules
from rmset_builder.video.shots import Settled

RULES = KeyframeRules(detect_every=4, motion=0.15, det_threshold=0.5)
LINKS = LinkRules(det_threshold=0.5)
SIDE = 100


@dataclass(frozen=True)
class Person:
    """A face 100 pixels wide: its left edge in each frame, not a number where it is not there, and its score."""

    x: tuple[float, ...]
    y: float = 0.0
    score: float = 0.9

    def there(self, frame: int) -> bool:
        return not np.isnan(self.x[frame])


class World:
    """People in frames; notes what the detector was asked for, and answers as one that misses nobody."""

    def __init__(self, *people: Person) -> None:
        self.people = people
        self.glances: list[list[Glance]] = []

    @property
    def calls(self) -> list[list[int]]:
        return [[glance.frame for glance in glances] for glances in self.glances]

    def look(self, frame: int) -> Keyframe:
        there = [k for k, person in enumerate(self.people) if person.there(frame)]
        looks = np.zeros((len(there), 8), np.float32)
        looks[np.arange(len(there)), there] = 1
        if not there:
            return Keyframe(frame, Faces.none(), looks, Settled.for_ever(0))
        corners = np.array([[self.people[k].x[frame], self.people[k].y] for k in there], np.float32)
        boxes = np.concatenate([corners, corners + SIDE], axis=1)
        points = np.tile(corners, 5) + np.arange(10, dtype=np.float32) * 8
        faces = Faces(boxes, points, np.array([self.people[k].score for k in there], np.float32))
        return Keyframe(frame, faces, looks, Settled.for_ever(len(there)))

    def detect(self, glances: Sequence[Glance]) -> list[Keyframe]:
        self.glances.append(list(glances))
        return [self.look(glance.frame) for glance in glances]

    def find(
        self,
        start: int,
        stop: int,
        cuts: set[int] | None = None,
        *,
        before: Keyframe | None = None,
        rules: KeyframeRules = RULES,
    ) -> list[int]:
        found = find_keyframes(before, start, stop, frozenset(cuts or ()), self.detect, rules=rules, links=LINKS)
        for keyframe in found:
            np.testing.assert_array_equal(keyframe.faces.boxes, self.look(keyframe.frame).faces.boxes)
        return [keyframe.frame for keyframe in found]


def still(length: int, x: float = 50, *, score: float = 0.9) -> Person:
    return Person((x,) * length, score=score)


def test_a_steady_shot_is_looked_at_every_stride() -> None:
    world = World(still(20), still(20, 300))
    assert world.find(0, 16) == [0, 3, 7, 11, 15]
    assert world.calls == [[0, 3, 7, 11, 15]], "all at once"


def test_a_shot_without_faces_is_steady() -> None:
    assert World().find(0, 10) == [0, 3, 7, 9]


def test_the_windows_of_a_video_go_on_with_the_stride() -> None:
    world = World(still(48))
    before = world.look(15)
    assert world.find(16, 32, before=before) == [19, 23, 27, 31]
    assert [frame for call in world.calls for frame in call] == [19, 23, 27, 31], "nothing twice"


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 8, 16])
def test_no_two_keyframes_are_farther_apart_than_the_stride(stride: int) -> None:
    found = World(still(40)).find(0, 37, rules=replace(RULES, motion=0.1, detect_every=stride))
    assert found[0] == 0
    assert found[-1] == 36
    assert np.diff(found).max() <= stride
    assert len(found) <= 37 // stride + 2


def test_stride_one_looks_at_every_frame_once() -> None:
    world = World(Person(tuple(30.0 * frame for frame in range(12))))
    assert world.find(0, 12, {5}, rules=replace(RULES, motion=0.1, detect_every=1)) == list(range(12))
    assert world.calls == [list(range(12))]


def test_a_shots_first_and_last_frames_are_keyframes() -> None:
    found = World(still(32)).find(0, 16, {6, 13})
    assert {0, 5, 6, 12, 13, 15} <= set(found)
    assert found == [0, 3, 5, 6, 7, 11, 12, 13, 15]


def test_a_cut_at_the_windows_first_frame() -> None:
    world = World(Person((50.0,) * 16 + (float("nan"),) * 16), still(32, 300))
    assert world.find(16, 24, {16}, before=world.look(15)) == [16, 19, 23]


def test_faces_that_change_with_a_cut_need_no_look_in_between() -> None:
    nowhere = float("nan")
    first = Person((50.0,) * 8 + (nowhere,) * 8)
    second = Person((nowhere,) * 8 + (400.0,) * 8)
    assert World(first, second).find(0, 16, {8}) == [0, 3, 7, 8, 11, 15]


@pytest.mark.parametrize(("moved", "halved"), [(14, False), (16, True)])
def test_motion_halves_the_interval_until_it_is_plain(moved: float, halved: bool) -> None:
    x = (50.0,) * 4 + (50 + moved,) * 12
    found = World(Person(x)).find(0, 16)
    # 3 -> 7 holds the jump: 5, then 4.
    assert found == ([0, 3, 4, 5, 7, 11, 15] if halved else [0, 3, 7, 11, 15])


def test_landmarks_that_move_in_a_still_box_count_as_motion() -> None:
    world = World(still(8))

    def nodding(glances: Sequence[Glance]) -> list[Keyframe]:
        found = world.detect(glances)
        for keyframe in found:
            keyframe.faces.landmarks[0, 5] += 16 * (keyframe.frame >= 4)
        return found

    found = find_keyframes(None, 0, 8, frozenset(), nodding, rules=RULES, links=LINKS)
    assert [keyframe.frame for keyframe in found] == [0, 3, 4, 5, 7]


@pytest.mark.parametrize(("score", "looked"), [(0.5, True), (0.49, False)])
@pytest.mark.parametrize("coming", [True, False])
def test_only_sure_faces_that_come_or_go_are_worth_a_look(score: float, looked: bool, coming: bool) -> None:
    nowhere = float("nan")
    x = (nowhere,) * 5 + (300.0,) * 11 if coming else (300.0,) * 5 + (nowhere,) * 11
    found = World(still(16), Person(x, score=score)).find(0, 16)
    assert found == ([0, 3, 4, 5, 7, 11, 15] if looked else [0, 3, 7, 11, 15])


def test_the_interval_before_the_window_is_looked_into_too() -> None:
    x = (50.0,) * 18 + (90.0,) * 14
    world = World(Person(x))
    assert world.find(16, 24, before=world.look(15)) == [17, 18, 19, 23]


def test_the_detector_is_asked_for_many_frames_at_a_time() -> None:
    world = World(Person(tuple(9.0 * frame for frame in range(64))))
    assert world.find(0, 64) == list(range(64))
    assert len(world.calls) == 3, "every fourth frame, then those half-way, then the rest"
    assert all(call == sorted(call) for call in world.calls)


def test_frames_in_between_are_looked_at_only_where_they_are_in_doubt() -> None:
    nowhere = float("nan")
    moving = Person((50.0,) * 4 + (80.0,) * 4)
    comes = Person((nowhere,) * 5 + (300.0,) * 3, y=200)
    drifts = Person(tuple(500.0 + 2 * frame for frame in range(8)), y=400)
    faint = Person((nowhere,) * 5 + (700.0,) * 3, y=600, score=0.3)
    world = World(moving, comes, drifts, faint)

    assert world.find(0, 8) == [0, 3, 4, 5, 7]

    first, second, third = world.glances
    assert [glance.frame for glance in first] == [0, 3, 7]
    assert all(glance.regions is None and glance.known is None for glance in first), "whole frames"
    (five,), (four,) = second, third
    assert (five.frame, four.frame) == (5, 4)
    for glance in (five, four):
        assert glance.regions is not None
        assert glance.known is not None
        # Where it was and where it is: both lie in the region.
        for box in ([50, 0, 150, 100], [80, 0, 180, 100], [300, 200, 400, 300]):
            assert covered_share(np.array([box], np.float32), glance.regions).max() == pytest.approx(1)
        assert len(glance.regions) == 2
        truth = world.look(glance.frame)
        place = 500 + 2 * glance.frame
        np.testing.assert_allclose(glance.known.boxes, [[place, 400, place + 100, 500]], rtol=1e-5)
        row = np.flatnonzero(truth.faces.boxes[:, 1] == 400)
        np.testing.assert_allclose(glance.known.landmarks, truth.faces.landmarks[row], rtol=1e-5)
        np.testing.assert_allclose(glance.known.scores, [0.9], rtol=1e-5)


def reference(
    world: World, start: int, stop: int, cuts: set[int], before: int | None, rules: KeyframeRules
) -> list[int]:
    """The rule as it is told, frame by frame and without any care for speed."""

    def unclear(a: int, b: int) -> bool:
        for person in world.people:
            if not person.there(a) and not person.there(b):
                continue
            same = person.there(a) and person.there(b) and abs(person.x[a] - person.x[b]) <= LINKS.leap * SIDE
            if not same and person.score >= rules.det_threshold:
                return True
            if same and abs(person.x[a] - person.x[b]) > rules.motion * SIDE:
                return True
        return False

    def between(a: int, b: int) -> set[int]:
        if b - a < 2 or not unclear(a, b):
            return set()
        middle = (a + b) // 2
        return {middle} | between(a, middle) | between(middle, b)

    looked = {
        frame
        for frame in range(start, stop)
        if (frame - start + 1) % rules.detect_every == 0 or frame in (0, stop - 1) or frame in cuts or frame + 1 in cuts
    }
    ends = sorted(looked | ({before} if before is not None else set()))
    for a, b in itertools.pairwise(ends):
        if b not in cuts:
            looked |= between(a, b)
    return sorted(looked)


@given(st.integers(0, 2**32 - 1), st.integers(1, 16), st.integers(1, 16))
def test_keyframes_are_those_of_the_rule_window_after_window(seed: int, length: int, stride: int) -> None:
    rng = np.random.default_rng(seed)
    frames = 3 * length
    people = []
    for row in range(int(rng.integers(0, 4))):
        steps = rng.integers(-30, 31, frames) * (rng.random(frames) < 0.3)
        x = np.where(rng.random(frames) < 0.1, np.nan, np.cumsum(steps) + 500.0)
        people.append(Person(tuple(x.tolist()), y=200.0 * row, score=float(rng.choice([0.3, 0.5, 0.9]))))
    cuts = {frame for frame in range(1, frames) if rng.random() < 0.1}
    rules = replace(RULES, motion=0.1, detect_every=stride)

    world = World(*people)
    before: int | None = None
    asked: list[int] = []
    for start in range(0, frames, length):
        stop = start + length
        here = {cut for cut in cuts if start <= cut < stop}
        world.glances.clear()
        found = world.find(start, stop, here, before=None if before is None else world.look(before), rules=rules)
        assert found == reference(world, start, stop, here, before, rules)
        assert sorted(frame for call in world.calls for frame in call) == found, "each looked at once, and no other"
        asked += found
        before = found[-1]
    assert before == frames - 1
    assert len(asked) == len(set(asked))
