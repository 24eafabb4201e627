from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.core.geometry import iou_matrix
from rmset_builder.demo.compose import find_photo
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.faces import Faces, Image
from rmset_builder.detection.multiscale import DetectorBank, ScaledDetector, Scales, base_side, cheapest_cover
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack

Scaler = Callable[[Image], ScaledDetector]

POOL = ThreadPoolExecutor(2)


@pytest.fixture(scope="module")
def photo() -> Image:
    return np.asarray(cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB), np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1280, 720, 640),
        (720, 1280, 640),
        (3840, 2160, 640),
        (640, 480, 640),
        (639, 480, 640),
        (608, 400, 608),
        (600, 400, 608),
        (500, 300, 512),
        (321, 200, 352),
        (320, 240, 320),
        (64, 48, 320),
    ],
)
def test_the_usual_input_is_the_videos_own_size_within_bounds(width: int, height: int, expected: int) -> None:
    assert base_side(width, height) == expected


def far_apart(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    x = 100 * np.arange(count, dtype=np.float32)
    return np.stack([x, x * 0, x + 50, x * 0 + 60], axis=1)


def faces_at(boxes: np.ndarray[tuple[int, int], np.dtype[np.float32]], score: float = 0.9) -> Faces:
    return Faces(boxes, np.zeros((len(boxes), 10), np.float32), np.full(len(boxes), score, np.float32))


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 5))
def test_the_cover_sees_all_that_any_scale_sees_and_none_is_cheaper(seed: int, scales: int, wanted: int) -> None:
    rng = np.random.default_rng(seed)
    sides = sorted(rng.choice([160, 320, 480, 640, 960, 1440], scales, replace=False).tolist())
    preferred = int(rng.choice(sides))
    boxes = far_apart(wanted)
    sees = {side: rng.random(wanted) < 0.6 for side in sides}
    down = np.array([0, 300, 0, 300], np.float32)
    # What a scale sees elsewhere is another face: how many it sees says nothing.
    found = {
        side: Faces.joined([faces_at(boxes[seen] + rng.uniform(-3, 3)), faces_at(boxes + down)])
        for side, seen in sees.items()
    }

    chosen = cheapest_cover(found, preferred=preferred)

    anyone = np.any(list(sees.values()), axis=0)
    if not anyone.any():
        assert chosen == (preferred,)
        return
    covers = [
        scales
        for count in range(1, len(sides) + 1)
        for scales in itertools.combinations(sides, count)
        if max(scales) >= preferred and (np.any([sees[side] for side in scales], axis=0) | ~anyone).all()
    ]
    assert chosen in covers

    def cost(scales: Scales) -> int:
        return sum(side**2 for side in scales)

    assert cost(chosen) == min(map(cost, covers))


def test_a_smaller_scale_is_never_used_alone() -> None:
    boxes = far_apart(3)
    found = {320: faces_at(boxes), 640: faces_at(boxes[:1])}
    assert cheapest_cover(found, preferred=640) == (320, 640)
    found[960] = faces_at(boxes[:2])
    assert cheapest_cover(found, preferred=640) == (320, 640)
    found[960] = faces_at(boxes)
    assert cheapest_cover({640: found[640], 960: found[960]}, preferred=640) == (960,)


@pytest.fixture(scope="module")
def bank() -> DetectorBank:
    return DetectorBank(load_pack().detector, batch=1, device=Device(), threshold=0.2)


@pytest.fixture
def scaled(bank: DetectorBank) -> Scaler:
    """For pictures of the size of the one given."""

    def make(picture: Image) -> ScaledDetector:
        return ScaledDetector(bank, width=picture.shape[1], height=picture.shape[0], det_threshold=0.5)

    return make


def shrunk(photo: Image, factor: float, *, width: int = 1280, height: int = 886) -> Image:
    """The photo at a fraction of its size in the corner of a grey picture."""
    picture = np.full((height, width, 3), 128, np.uint8)
    small = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    picture[: small.shape[0], : small.shape[1]] = small
    return picture


def sure(faces: Faces) -> Faces:
    return faces[faces.scores >= 0.5]


def test_faces_of_usual_size_need_the_usual_scale_alone(photo: Image, scaled: Scaler) -> None:
    detector = scaled(photo)
    assert detector.base == 640
    assert detector.probe(photo, POOL)[0] == (640,)


def test_a_picture_without_faces_keeps_the_usual_scale(photo: Image, scaled: Scaler) -> None:
    assert scaled(photo).probe(np.zeros_like(photo), POOL)[0] == (640,)


def test_small_faces_ask_for_a_finer_scale(photo: Image, scaled: Scaler) -> None:
    picture = shrunk(photo, 0.2)
    detector = scaled(picture)
    usual = sure(detector.detect(picture, (640,)))
    scales = detector.probe(picture, POOL)[0]
    found = sure(detector.detect(picture, scales))
    assert len(usual) < len(found) == 6
    assert max(scales) > 640


def test_a_face_that_fills_the_picture_asks_for_a_coarser_scale(photo: Image, scaled: Scaler) -> None:
    faces = scaled(photo).detect(photo, (640,))
    x0, y0, x1, y1 = faces.boxes[np.argmax(faces.boxes[:, 1])].astype(int)
    face = np.asarray(cv2.resize(photo[y0 - 8 : y1 + 8, x0 - 8 : x1 + 8], (1000, 1280)), np.uint8)
    detector = scaled(face)
    coarse, usual = (len(sure(detector.detect(face, (side,)))) for side in (320, 640))
    assert (coarse, usual) == (1, 0)
    assert detector.probe(face, POOL)[0] == (320, 640)


@pytest.mark.parametrize("factor", [0.15, 0.188, 0.226, 0.35, 0.6])
def test_the_scales_of_a_probe_are_sure_of_every_face_that_a_tried_one_is_sure_of(
    photo: Image, factor: float, scaled: Scaler
) -> None:
    picture = shrunk(photo, factor)
    detector = scaled(picture)
    chosen = sure(detector.detect(picture, detector.probe(picture, POOL)[0]))
    for side in (320, 640, 960):
        wanted = sure(detector.detect(picture, (side,)))
        if len(wanted):
            assert (iou_matrix(wanted.boxes, chosen.boxes).max(axis=1) >= 0.5).all()


def test_a_probe_tells_what_the_scales_it_chose_show(photo: Image, scaled: Scaler) -> None:
    picture = shrunk(photo, 0.2)
    detector = scaled(picture)
    scales, faces = detector.probe(picture, POOL)
    again = detector.detect(picture, scales)
    np.testing.assert_array_equal(faces.boxes, again.boxes)
    np.testing.assert_array_equal(faces.scores, again.scores)


def test_no_scale_is_finer_than_the_picture_is_large(scaled: Scaler) -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    detector = scaled(picture)
    assert detector.base == 416
    assert detector.probe(picture, POOL)[0] == (416,)


def test_what_several_scales_find_is_joined(photo: Image, scaled: Scaler) -> None:
    found = scaled(photo).detect(photo, (320, 640))
    single = [
        Scrfd(
            load_pack().detector,
            size=InputSize.for_picture(1280, 886, longest_side=side),
            batch=1,
            device=Device(),
            threshold=0.2,
        ).detect([photo])[0]
        for side in (320, 640)
    ]
    expected = Faces.joined(single)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.01)
    np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=0.01)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    assert len(sure(found)) == 6


def test_a_detector_is_opened_once_whoever_asks(bank: DetectorBank) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(bank.get, [InputSize(96, 64)] * 16))
    assert len({id(detector) for detector in got}) == 1
    assert got[0].size == InputSize(96, 64)
    assert bank.get(InputSize(64, 96)) is not got[0]


def test_a_region_shows_the_face_that_the_whole_picture_shows(photo: Image, scaled: Scaler) -> None:
    detector = scaled(photo)
    whole = sure(detector.detect(photo, (640,)))
    for box in whole.boxes:
        found = detector.detect_in(photo, box[None], (640,))
        assert found is not None
        overlap = iou_matrix(box[None], sure(found).boxes)[0]
        assert overlap.max() > 0.8
        same = sure(found)[int(overlap.argmax())]
        row = int(np.flatnonzero((whole.boxes == box).all(axis=1))[0])
        assert np.abs(same.landmarks - whole.landmarks[row]).max() < 0.06 * (box[2:] - box[:2]).max()


def test_neighbouring_regions_show_no_face_twice(photo: Image, scaled: Scaler) -> None:
    detector = scaled(photo)
    boxes = sure(detector.detect(photo, (640,))).boxes
    found = detector.detect_in(photo, np.concatenate([boxes[:2], boxes[:2] + np.float32(6)]), (640,))
    assert found is not None
    whose = iou_matrix(sure(found).boxes, boxes).argmax(axis=1).tolist()
    assert len(whose) >= 2
    assert len(set(whose)) == len(whose)


def test_a_face_that_a_regions_border_cuts_is_left_to_others(photo: Image, scaled: Scaler) -> None:
    detector = scaled(photo)
    boxes = sure(detector.detect(photo, (640,))).boxes
    shown = 0
    for box in boxes:
        # A square of 256 pixels of the picture, its border more and more into the face.
        for offset in range(60, 160, 10):
            for side in (-1, 1):
                x, y = (box[0] + box[2]) / 2 + side * offset, (box[1] + box[3]) / 2
                found = detector.detect_in(photo, np.array([[x - 10, y - 10, x + 10, y + 10]], np.float32), (640,))
                assert found is not None
                if len(sure(found)):
                    shown += 1
                    assert iou_matrix(sure(found).boxes, boxes).max(axis=1).min() > 0.6, "a part of a face"
    assert shown > 12


def test_many_or_large_regions_are_left_to_the_whole_picture(photo: Image, scaled: Scaler) -> None:
    detector = scaled(photo)
    boxes = sure(detector.detect(photo, (640,))).boxes
    assert detector.detect_in(photo, boxes[:4], (640,)) is not None
    assert detector.detect_in(photo, boxes, (640,)) is None
    assert detector.detect_in(photo, np.array([[0, 0, 1280, 886]], np.float32), (640,)) is None
    assert detector.detect_in(photo, np.array([[100, 100, 400, 400]], np.float32), (640,)) is None
    assert detector.detect_in(photo, np.array([[100, 100, 400, 400]], np.float32), (320, 640)) is not None


@pytest.mark.parametrize("corner", [(0, 0), (1240, 0), (0, 846), (1240, 846), (-30, -30), (1270, 880)])
def test_regions_at_the_pictures_border(photo: Image, scaled: Scaler, corner: tuple[int, int]) -> None:
    x, y = corner
    found = scaled(photo).detect_in(photo, np.array([[x, y, x + 40, y + 40]], np.float32), (640,))
    assert found is not None
    whole = sure(scaled(photo).detect(photo, (640,)))
    for box in sure(found).boxes:
        assert iou_matrix(box[None], whole.boxes).max() > 0.6


def test_a_face_at_the_border_of_the_picture_is_found_in_its_region(photo: Image, scaled: Scaler) -> None:
    whole = sure(scaled(photo).detect(photo, (640,)))
    x0, y0, x1, _ = whole.boxes[0].astype(int)
    inner = photo[y0:, x0 + (x1 - x0) // 12 :]
    moved = np.zeros_like(photo)
    moved[: inner.shape[0], : inner.shape[1]] = inner
    detector = scaled(moved)
    there = sure(detector.detect(moved, (640,)))
    box = there.boxes[there.boxes[:, 0].argmin()]
    assert box[0] < 10
    found = detector.detect_in(moved, box[None], (640,))
    assert found is not None
    assert iou_matrix(box[None], sure(found).boxes).max() > 0.8
