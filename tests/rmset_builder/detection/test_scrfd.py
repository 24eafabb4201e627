from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from insightface.model_zoo.scrfd import SCRFD

from rmset_builder.core.errors import RmsetError
from rmset_builder.demo.compose import find_photo
from rmset_builder.detection.base import InputSize, fit_inside
from rmset_builder.detection.faces import Faces, Image
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.inference.session import Device, open_session
from rmset_builder.pipeline.model_pack import load_pack

MASHUPS = ("wall9", "film11", "crowd19", "edit12")
PEOPLE = 6


@pytest.fixture(scope="module")
def photo() -> Image:
    return np.asarray(cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB), np.uint8)


@pytest.fixture(scope="module")
def scrfd() -> SCRFD:
    path = str(load_pack().detector)
    return SCRFD(model_file=path, session=open_session(path, Device()))


def make(width: int, height: int, *, batch: int = 1, threshold: float = 0.5) -> Scrfd:
    size = InputSize(width, height)
    return Scrfd(load_pack().detector, size=size, batch=batch, device=Device(), threshold=threshold)


def by_insightface(scrfd: SCRFD, picture: Image, size: InputSize, threshold: float) -> Faces:
    found, points = scrfd.detect(
        np.ascontiguousarray(picture[..., ::-1]), input_size=(size.width, size.height), det_thresh=threshold
    )
    return Faces(found[:, :4], points.reshape(-1, 10), found[:, 4])


def assert_same(found: Faces, expected: Faces, *, pixels: float = 0.01, score: float = 1e-4) -> None:
    assert len(found) == len(expected)
    assert (np.diff(found.scores) <= 0).all(), "best first"
    # Left to right: two faces of nearly one score may change places.
    one, other = (faces[np.argsort(faces.boxes[:, 0])] for faces in (found, expected))
    np.testing.assert_allclose(one.boxes, other.boxes, rtol=0, atol=pixels)
    np.testing.assert_allclose(one.landmarks, other.landmarks, rtol=0, atol=pixels)
    np.testing.assert_allclose(one.scores, other.scores, rtol=0, atol=score)


@pytest.mark.parametrize(("width", "height"), [(640, 448), (640, 640), (320, 320), (960, 672), (448, 640)])
@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_the_photos_faces_are_those_that_insightface_finds(
    photo: Image, scrfd: SCRFD, width: int, height: int, threshold: float
) -> None:
    detector = make(width, height, threshold=threshold)
    (found,) = detector.detect([photo])
    assert_same(found, by_insightface(scrfd, photo, detector.size, threshold))
    assert (found.scores >= threshold).all()
    assert (found.scores >= 0.5).sum() == PEOPLE
    assert {found.boxes.dtype, found.landmarks.dtype, found.scores.dtype} == {np.dtype(np.float32)}
    assert (found.boxes.shape[1], found.landmarks.shape[1]) == (4, 10)


@pytest.mark.parametrize(
    ("width", "height"), [(1279, 885), (641, 443), (333, 231), (1280, 301), (431, 886), (101, 886), (1913, 1327)]
)
def test_odd_sizes_and_portraits_are_as_insightface_sees_them(
    photo: Image, scrfd: SCRFD, width: int, height: int
) -> None:
    scaled = cv2.resize(photo, (max(width, 640), max(height, 443)), interpolation=cv2.INTER_AREA)
    picture = np.asarray(scaled[:height, :width], np.uint8)
    assert picture.shape[:2] == (height, width)
    detector = make(640, 448, threshold=0.3)
    (found,) = detector.detect([picture])
    assert_same(found, by_insightface(scrfd, picture, detector.size, 0.3))


def test_crowds_of_faint_faces_are_thinned_as_insightface_thins_them(photo: Image, scrfd: SCRFD) -> None:
    detector = make(640, 448, threshold=0.01)
    (found,) = detector.detect([photo])
    assert len(found) > 3 * PEOPLE
    assert_same(found, by_insightface(scrfd, photo, detector.size, 0.01))


def test_boxes_hold_their_landmarks_and_eyes_are_above_mouths(photo: Image) -> None:
    (found,) = make(640, 448).detect([photo])
    points = found.landmarks.reshape(-1, 5, 2)
    assert (points >= found.boxes[:, None, :2]).all()
    assert (points <= found.boxes[:, None, 2:]).all()
    left_eye, right_eye, nose, left_mouth, right_mouth = points.transpose(1, 0, 2)
    assert (left_eye[:, 0] < right_eye[:, 0]).all()
    assert (left_mouth[:, 0] < right_mouth[:, 0]).all()
    assert (np.maximum(left_eye[:, 1], right_eye[:, 1]) < nose[:, 1]).all()
    assert (nose[:, 1] < np.minimum(left_mouth[:, 1], right_mouth[:, 1])).all()


def test_colours_are_not_swapped(photo: Image, scrfd: SCRFD) -> None:
    tinted = photo.copy()
    tinted[..., 2] //= 4
    detector = make(640, 448)
    (found,) = detector.detect([tinted])
    assert_same(found, by_insightface(scrfd, tinted, detector.size, 0.5))
    wrong = by_insightface(scrfd, tinted[..., ::-1], detector.size, 0.5)
    assert len(wrong) != len(found) or np.abs(wrong.scores - found.scores).max() > 1e-3


def variants(photo: Image) -> list[Image]:
    """Five pictures of one size with different faces in them; the fourth has none."""
    black = np.zeros_like(photo)
    half = photo.copy()
    half[:, :640] = 0
    return [photo, np.ascontiguousarray(photo[:, ::-1]), half, black, np.roll(photo, 64, axis=1)]


@pytest.mark.parametrize("batch", [2, 4, 8])
def test_a_batch_finds_what_single_pictures_show(photo: Image, batch: int) -> None:
    pictures = variants(photo)
    alone = [faces for picture in pictures for faces in make(640, 448).detect([picture])]
    together = make(640, 448, batch=batch).detect(pictures)
    assert [len(faces) for faces in alone] == [6, 6, 3, 0, 6]
    assert len(together) == len(pictures)
    for one, other in zip(together, alone, strict=True):
        assert_same(one, other)


def test_a_detector_does_not_remember_the_picture_before(photo: Image) -> None:
    detector = make(640, 640, batch=2)
    first = detector.detect([photo, photo])[0]
    small = np.ascontiguousarray(photo[:300, :500])
    assert_same(detector.detect([small])[0], make(640, 640, batch=2).detect([small])[0], pixels=0, score=0)
    assert_same(detector.detect([photo])[0], first, pixels=0, score=0)


def test_no_picture_and_no_face() -> None:
    detector = make(320, 320, batch=2)
    assert detector.detect([]) == []
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    found = detector.detect([np.zeros((240, 320, 3), np.uint8), noise, np.full((240, 320, 3), 255, np.uint8)])
    assert [len(faces) for faces in found] == [0, 0, 0]
    assert [faces.boxes.shape for faces in found] == [(0, 4)] * 3
    assert [faces.landmarks.shape for faces in found] == [(0, 10)] * 3


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2000, 1), (1, 2000)])
def test_slivers_of_a_picture_are_no_error(width: int, height: int) -> None:
    (found,) = make(320, 192).detect([np.full((height, width, 3), 200, np.uint8)])
    assert len(found) == 0


def test_faces_joined_are_one_each(photo: Image) -> None:
    fine, coarse = (make(side, side).detect([photo])[0] for side in (640, 320))
    joined = Faces.joined([coarse, fine])
    assert len(coarse) == len(fine) == len(joined) == PEOPLE
    assert (np.diff(joined.scores) <= 0).all()
    best = np.maximum(*(faces.scores[np.argsort(faces.boxes[:, 0])] for faces in (fine, coarse)))
    np.testing.assert_array_equal(joined.scores[np.argsort(joined.boxes[:, 0])], best)

    left, right = fine[:2], fine[2:]
    assert_same(Faces.joined([left, right, Faces.none()]), fine, pixels=0, score=0)
    assert len(Faces.joined([Faces.none(), Faces.none()])) == 0


def test_faces_are_chosen_by_rows(photo: Image) -> None:
    (found,) = make(640, 448).detect([photo])
    some = found[np.array([3, 1])]
    np.testing.assert_array_equal(some.boxes, found.boxes[[3, 1]])
    np.testing.assert_array_equal(some.landmarks, found.landmarks[[3, 1]])
    np.testing.assert_array_equal(some.scores, found.scores[[3, 1]])
    assert len(found[found.scores > 2]) == 0


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(32, 2000))
def test_an_input_is_the_smallest_that_holds_the_picture(width: int, height: int, side: int) -> None:
    size = InputSize.for_picture(width, height, longest_side=side)
    scale = side / max(width, height)
    for own, picture in ((size.width, width), (size.height, height)):
        assert own % 32 == 0
        assert own >= 32
        assert own == 32 or own - 32 < round(picture * scale) <= own
    inner_width, inner_height = fit_inside(width, height, size)
    assert 1 <= inner_width <= size.width
    assert 1 <= inner_height <= size.height
    assert inner_width == size.width or inner_height == size.height


@pytest.mark.parametrize(
    ("width", "height", "side", "expected"),
    [
        (1280, 720, 640, (640, 384)),
        (720, 1280, 640, (384, 640)),
        (1920, 1080, 960, (960, 544)),
        (640, 640, 640, (640, 640)),
        (641, 640, 640, (640, 640)),
        (2000, 1, 640, (640, 32)),
    ],
)
def test_inputs_known_by_heart(width: int, height: int, side: int, expected: tuple[int, int]) -> None:
    assert InputSize.for_picture(width, height, longest_side=side) == InputSize(*expected)


def test_a_model_that_is_no_detector_is_refused() -> None:
    recogniser = load_pack().recogniser
    with pytest.raises(
        RmsetError, match=r"is not an SCRFD detector with landmarks \(1 outputs\); use one with 9 or 15"
    ):
        Scrfd(recogniser, size=InputSize(320, 320), batch=1, device=Device(), threshold=0.5)


def test_a_detector_without_landmarks_is_refused(tmp_path: Path) -> None:
    model = onnx.load(load_pack().detector)
    del model.graph.output[6:]
    onnx.save(model, tmp_path / "det.onnx")
    with pytest.raises(RmsetError, match=r"det\.onnx is not an SCRFD detector with landmarks \(6 outputs\)"):
        Scrfd(tmp_path / "det.onnx", size=InputSize(320, 320), batch=1, device=Device(), threshold=0.5)


@pytest.mark.shared(*(f"mashups/{name}.mp4" for name in MASHUPS))
@pytest.mark.parametrize("name", MASHUPS)
def test_frames_of_real_mashups_are_as_insightface_sees_them(scrfd: SCRFD, shared: Path, name: str) -> None:
    with av.open(str(shared / "mashups" / f"{name}.mp4")) as container:
        stream = container.streams.video[0]
        pictures = []
        for share in (0.0, 0.4, 0.8):
            container.seek(int((stream.duration or 0) * share), stream=stream)
            pictures.append(next(container.decode(stream)).to_ndarray(format="rgb24"))
    detector = make(640, 384, batch=2, threshold=0.2)
    for found, picture in zip(detector.detect(pictures), pictures, strict=True):
        assert_same(found, by_insightface(scrfd, picture, detector.size, 0.2))
        assert (found.scores >= 0.5).sum() >= 5
