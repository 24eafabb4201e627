"""Each stage alone: what goes in, what comes out, and in which order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from rmset_builder.core.priority_pool import Workers
from rmset_builder.demo.scene import ABSENT, CUT, Image
from rmset_builder.detection.faces import Faces
from rmset_builder.detection.multiscale import DetectorBank, ScaledDetector
from rmset_builder.faces.jpeg import decode_jpeg, encode_faces
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.pipeline.stages.detect import Detected, DetectStage
from rmset_builder.pipeline.stages.encode import EncodeStage
from rmset_builder.pipeline.stages.link import Linked, LinkStage
from rmset_builder.tracking.matching import Keyframe
from rmset_builder.tracking.tracker import TrackRows
from rmset_builder.video.appearance import thumbnail
from rmset_builder.video.frame_buffer import Window
from rmset_builder.video.shots import ChangeFinder, Settled

SETTINGS = ExtractSettings()
RULES = SETTINGS.rules
STRIDE = RULES.keyframes.detect_every
LENGTH = 12


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with closing(Workers(2)) as running:
        yield running


@pytest.fixture(scope="module")
def detector(demo_frames: list[Image]) -> Iterator[ScaledDetector]:
    height, width = demo_frames[0].shape[:2]
    pack = load_pack()
    with closing(DetectorBank(pack.detector, batch=1, device=Device(), threshold=SETTINGS.det_threshold_low)) as bank:
        yield ScaledDetector(bank, width=width, height=height, det_threshold=SETTINGS.det_threshold)


def windows(pictures: list[Image]) -> Iterator[Window]:
    """Pictures (BGR) as the reader gives them."""
    finder = ChangeFinder()
    for start in range(0, len(pictures), LENGTH):
        frames = [np.dstack([one, np.full(one.shape[:2], 255, np.uint8)]) for one in pictures[start : start + LENGTH]]
        greys = [thumbnail(frame) for frame in frames]
        yield Window(start, frames, greys, [finder.advance(grey) for grey in greys])


def empty_windows(count: int) -> list[Window]:
    return list(windows([np.zeros((72, 128, 3), np.uint8)] * (count * LENGTH)))


def seen(frame: int, *lefts: float) -> Keyframe:
    """A frame with a face of 20 pixels at each place."""
    boxes = np.array([[left, 10, left + 20, 30] for left in lefts], np.float32).reshape(-1, 4)
    landmarks = np.tile(boxes[:, :2] + 10, 5).astype(np.float32)
    faces = Faces(boxes, landmarks, np.full(len(lefts), 0.9, np.float32))
    return Keyframe(frame, faces, np.eye(len(lefts), 8, dtype=np.float32), Settled.for_ever(len(lefts)))


def detect(workers: Workers, detector: ScaledDetector, pictures: list[Image]) -> tuple[DetectStage, list[Detected]]:
    stage = DetectStage(detector, workers, keyframes=RULES.keyframes, links=RULES.links, fixed_scale=0)
    return stage, list(stage.run(windows(pictures)))


def test_detection_looks_at_the_frames_that_inform(
    workers: Workers, detector: ScaledDetector, demo_frames: list[Image], demo_indexes: tuple[int, ...]
) -> None:
    """Around the demo's cut: both its sides are looked at, and of what stands still each fourth frame alone."""
    cut = demo_indexes.index(CUT)
    pictures = demo_frames[: cut + LENGTH]
    stage, found = detect(workers, detector, pictures)
    assert [one.window.start for one in found] == list(range(0, len(pictures), LENGTH))
    keyframes = [keyframe for one in found for keyframe in one.keyframes]
    numbers = [keyframe.frame for keyframe in keyframes]
    assert stage.keyframe_count == len(numbers)
    assert numbers == sorted(set(numbers))
    assert {0, cut - 1, cut, *range(STRIDE - 1, len(pictures), STRIDE)} <= set(numbers)
    assert len(numbers) < len(pictures)
    for one in found:
        assert all(one.window.start <= keyframe.frame < one.window.stop for keyframe in one.keyframes)
        assert one.keyframes[-1].frame == one.window.stop - 1
    assert [sum(k.faces.scores >= SETTINGS.det_threshold) for k in keyframes] == [6] * len(keyframes)


def test_detection_reads_one_window_ahead_and_no_more(
    workers: Workers, detector: ScaledDetector, demo_frames: list[Image]
) -> None:
    read: list[int] = []

    def watched() -> Iterator[Window]:
        for window in windows(demo_frames[: 4 * LENGTH]):
            read.append(window.start // LENGTH)
            yield window

    stage = DetectStage(detector, workers, keyframes=RULES.keyframes, links=RULES.links, fixed_scale=320)
    for number, _ in enumerate(stage.run(watched())):
        assert read == list(range(min(number + 2, 4)))


def test_detection_of_nothing(workers: Workers, detector: ScaledDetector) -> None:
    stage, found = detect(workers, detector, [])
    assert (found, stage.keyframe_count) == ([], 0)


def test_linking_fills_gaps_across_windows_and_waits_for_the_next() -> None:
    """A face that is seen near the end of one window and in the next is in all frames between."""
    first, second, third = empty_windows(3)
    given: list[int] = []

    def detected() -> Iterator[Detected]:
        for number, (window, keyframes) in enumerate(
            [
                (first, [seen(0, 10), seen(4, 14), seen(8, 18)]),
                (second, [seen(LENGTH + 3, 25), seen(2 * LENGTH - 1)]),
                (third, [seen(3 * LENGTH - 1)]),
            ]
        ):
            given.append(number)
            yield Detected(window, keyframes)

    stage = LinkStage(RULES.links)
    linked = []
    for number, one in enumerate(stage.run(detected())):
        assert given == list(range(min(number + 2, 3)))
        linked.append(one)
    assert [one.window.start for one in linked] == [0, LENGTH, 2 * LENGTH]
    rows = TrackRows.joined([one.rows for one in linked])
    assert rows.frame.tolist() == list(range(LENGTH + 4))
    assert set(rows.track.tolist()) == {0}
    # A pixel a frame, from 10 on.
    np.testing.assert_allclose(rows.boxes[:, 0], 10 + np.arange(LENGTH + 4), atol=1e-4)
    assert [len(one.rows) for one in linked] == [LENGTH, 4, 0]
    assert stage.doubts.shape == (0, 2)
    assert stage.transitions.tolist() == []


def test_linked_rows_are_in_the_order_of_frames_and_tracks() -> None:
    (window,) = empty_windows(1)
    keyframes = [seen(frame, 10, 50, 90) for frame in range(LENGTH)]
    (one,) = LinkStage(RULES.links).run([Detected(window, keyframes)])
    pairs = list(zip(one.rows.frame.tolist(), one.rows.track.tolist(), strict=True))
    assert pairs == list(itertools.product(range(LENGTH), range(3)))


def test_pictures_come_in_the_order_of_the_rows(workers: Workers, demo_frames: list[Image]) -> None:
    """And are those that a frame's faces give when they are encoded alone."""
    linked = []
    for window in windows(demo_frames[: 2 * LENGTH]):
        keyframes = [seen(frame, 200, 400, 600) for frame in range(window.start, window.stop)]
        linked += list(LinkStage(RULES.links).run([Detected(window, keyframes)]))
    side, quality = 64, 90
    done = list(EncodeStage(workers, image_size=side, jpeg_quality=quality).run(linked))
    assert [(one.window, one.rows) for one in done] == [(one.window, one.rows) for one in linked]
    for one in done:
        assert [len(faces.pictures) for faces in one.pictures] == [3] * LENGTH
        for place, faces in enumerate(one.pictures):
            landmarks = one.rows.landmarks[3 * place : 3 * place + 3]
            alone = encode_faces(one.window.frames[place], landmarks, side=side, quality=quality)
            assert faces == alone
            assert decode_jpeg(faces.pictures[0]).shape == (side, side, 3)


def test_windows_without_faces_pass_too(workers: Workers) -> None:
    linked = [Linked(window, TrackRows.joined([])) for window in empty_windows(3)]
    done = list(EncodeStage(workers, image_size=64, jpeg_quality=90).run(linked))
    assert [(one.window, one.pictures) for one in done] == [(one.window, []) for one in linked]


def test_the_demo_has_what_these_tests_need(demo_indexes: tuple[int, ...]) -> None:
    assert demo_indexes.index(CUT) > 2 * LENGTH
    assert ABSENT.start in demo_indexes
