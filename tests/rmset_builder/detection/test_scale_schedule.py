from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from rmset_builder.demo.compose import find_photo
from rmset_builder.detection.faces import Image
from rmset_builder.detection.multiscale import DetectorBank, ScaledDetector
from rmset_builder.detection.scale_schedule import ScaleChooser, WindowScales
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.tracking.keyframes import first_frames
from rmset_builder.video.frame_buffer import Window
from rmset_builder.video.shots import Changes

WIDTH, HEIGHT = 1000, 1280
STRIDE = 4
POOL = ThreadPoolExecutor(2)


@pytest.fixture(scope="module")
def bank() -> DetectorBank:
    return DetectorBank(load_pack().detector, batch=1, device=Device(), threshold=0.2)


@pytest.fixture(scope="module")
def wall() -> Image:
    """Six small faces in a corner."""
    photo = cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB)
    picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    small = cv2.resize(photo, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    picture[: small.shape[0], : small.shape[1]] = small
    return picture


@pytest.fixture(scope="module")
def solo(bank: DetectorBank) -> Image:
    """One face that fills the picture."""
    photo = np.asarray(cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB), np.uint8)
    found = ScaledDetector(bank, width=photo.shape[1], height=photo.shape[0], det_threshold=0.5).detect(photo, (640,))
    x0, y0, x1, y1 = found.boxes[np.argmax(found.boxes[:, 1])].astype(int)
    return np.asarray(cv2.resize(photo[y0 - 8 : y1 + 8, x0 - 8 : x1 + 8], (WIDTH, HEIGHT)), np.uint8)


def chooser(bank: DetectorBank, *, width: int = WIDTH, height: int = HEIGHT, fixed: int = 0) -> ScaleChooser:
    detector = ScaledDetector(bank, width=width, height=height, det_threshold=0.5)
    return ScaleChooser(detector, POOL, fixed=fixed)


def choose(scales: ScaleChooser, part: Window) -> WindowScales:
    return scales.choose(part, first_frames(part.start, part.stop, part.cuts, STRIDE))


def window(start: int, pictures: list[Image], cuts: set[int] | None = None) -> Window:
    grid = np.zeros((1, 1), np.int32), np.ones((1, 1), np.float32)
    changes = [Changes(frame in (cuts or ()), *grid, 0) for frame in range(start, start + len(pictures))]
    return Window(start, pictures, [np.zeros((2, 2), np.uint8)] * len(pictures), changes)


def test_a_shot_s_scales_do_not_reach_back_beyond_its_cut(bank: DetectorBank, solo: Image, wall: Image) -> None:
    scales = chooser(bank)
    large = choose(scales, window(0, [solo] * 4)).by_frame
    assert large == [(320, 640)] * 4
    there = choose(scales, window(4, [solo] * 3 + [wall] * 5, {7}))
    assert there.by_frame[:3] == large[:3]
    assert len(set(there.by_frame[3:])) == 1
    assert max(there.by_frame[3]) > 640
    assert list(there.seen) == [7]


def test_every_shot_of_a_window_has_scales_of_its_own(bank: DetectorBank, solo: Image, wall: Image) -> None:
    chosen = choose(chooser(bank), window(0, [wall] * 3 + [solo] * 3 + [wall] * 2, {3, 6}))
    assert sorted(chosen.seen) == [0, 3, 6]
    assert chosen.by_frame[3:6] == [(320, 640)] * 3
    assert chosen.by_frame[0] == chosen.by_frame[6] != chosen.by_frame[3]


def test_a_steady_shot_is_probed_ever_less_often(bank: DetectorBank) -> None:
    scales = chooser(bank, width=64, height=48)
    picture = np.zeros((48, 64, 3), np.uint8)
    probed = [frame for start in range(0, 3200, 8) for frame in choose(scales, window(start, [picture] * 8)).seen]
    assert probed == [0, 131, 387, 899, 1411, 1923, 2435, 2947]


def test_a_cut_makes_probes_frequent_again(bank: DetectorBank) -> None:
    scales = chooser(bank, width=64, height=48)
    picture = np.zeros((48, 64, 3), np.uint8)
    windows = [window(start, [picture] * 8, {250} if start == 248 else set()) for start in range(0, 400, 8)]
    assert [frame for part in windows for frame in choose(scales, part).seen] == [0, 131, 250, 315]


def test_a_fixed_scale_is_never_probed(bank: DetectorBank, wall: Image) -> None:
    chosen = choose(chooser(bank, fixed=416), window(0, [wall] * 4, {2}))
    assert chosen.by_frame == [(416,)] * 4
    assert not chosen.seen
