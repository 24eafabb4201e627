from __future__ import annotations

import cv2
import numpy as np
import pytest
from insightface.utils import face_align

from rmset_builder.core.geometry import Array
from rmset_builder.demo.compose import find_photo
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.faces import Faces
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.faces.align import (
    ARCFACE_SIDE,
    ARCFACE_TEMPLATE,
    MARGIN,
    Image,
    align_face,
    aligned_faces,
    arcface_crop,
    sharpness,
    template,
)
from rmset_builder.identity.embedder import Embedder
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack

# insightface calls what skimage has given another name.
pytestmark = pytest.mark.filterwarnings("ignore:.estimate. is deprecated:FutureWarning")

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))


@pytest.fixture(scope="module")
def photo() -> Image:
    return np.asarray(cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB), np.uint8)


@pytest.fixture(scope="module")
def faces(photo: Image) -> Faces:
    size = InputSize(640, 448)
    return Scrfd(load_pack().detector, size=size, batch=1, device=Device(), threshold=0.5).detect([photo])[0]


def norm_crop(photo: Image, landmarks: Array) -> Image:
    return np.asarray(face_align.norm_crop(photo, landmarks.reshape(5, 2)))


def test_the_template_is_arcfaces_with_a_margin() -> None:
    np.testing.assert_array_equal(ARCFACE_TEMPLATE, face_align.arcface_dst)
    np.testing.assert_allclose(template(112, 0), face_align.arcface_dst, rtol=1e-6)
    # 112 pixels and a margin of an eighth, 14 pixels, on either side.
    np.testing.assert_allclose(template(140), face_align.arcface_dst + 14, rtol=1e-6)


@pytest.mark.parametrize("side", [16, 112, 260, 1024])
def test_the_template_is_inside_and_grows_with_the_side(side: int) -> None:
    points = template(side)
    assert points.shape == (5, 2)
    assert (points > 0.2 * side).all()
    assert (points < 0.8 * side).all()
    np.testing.assert_allclose(points / side, template(100) / 100, rtol=1e-5)
    assert template(side, MARGIN * 2).std() < points.std()


def dots(points: Array, *, width: int = 640, height: int = 480) -> Image:
    picture = np.zeros((height, width, 3), np.uint8)
    for (x, y), colour in zip(points, COLOURS, strict=True):
        cv2.circle(picture, (round(x * 16), round(y * 16)), 6 * 16, colour, -1, cv2.LINE_AA, 4)
    return picture


def centre_of(picture: Image, colour: tuple[int, int, int]) -> Array:
    weight = np.prod(
        [picture[..., k] / 255 if level else 1 - picture[..., k] / 255 for k, level in enumerate(colour)], 0
    )
    weight[weight < 0.3] = 0
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("side", [200, 260])
@pytest.mark.parametrize("degrees", [-120, -25, 0, 40, 180])
def test_landmarks_come_to_lie_on_the_template(side: int, degrees: int) -> None:
    angle = np.radians(degrees)
    turn = 1.4 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((ARCFACE_TEMPLATE - 56) @ turn.T + [320, 240]).astype(np.float32)

    aligned = align_face(dots(points), points.ravel(), side=side)

    assert aligned.shape == (side, side, 3)
    assert aligned.dtype == np.uint8
    for colour, wanted in zip(COLOURS, template(side), strict=True):
        np.testing.assert_allclose(centre_of(aligned, colour), wanted, atol=0.35)


def test_without_a_margin_the_face_is_insightfaces_own_crop(photo: Image, faces: Faces) -> None:
    for landmarks in faces.landmarks:
        ours = align_face(photo, landmarks, side=ARCFACE_SIDE, margin=0)
        difference = np.abs(ours.astype(np.int16) - norm_crop(photo, landmarks))
        assert difference.mean() < 0.2
        assert np.percentile(difference, 99.9) <= 4


def test_many_faces_at_once_are_each_alone(photo: Image, faces: Faces) -> None:
    together = list(aligned_faces(photo, faces.landmarks, side=140))
    assert len(together) == len(faces)
    for one, landmarks in zip(together, faces.landmarks, strict=True):
        np.testing.assert_array_equal(one, align_face(photo, landmarks, side=140))
        assert one.shape == (140, 140, 3)
        assert one.flags.c_contiguous
    assert list(aligned_faces(photo, np.empty((0, 10), np.float32), side=140)) == []


def test_what_lies_outside_the_picture_is_black(photo: Image, faces: Faces) -> None:
    bright = np.full_like(photo, 255)
    landmarks = faces.landmarks[0] - np.tile(faces.boxes[0, :2], 5)
    aligned = align_face(bright, landmarks, side=260)
    assert (aligned[0] == 0).all()
    assert (aligned[:, 0] == 0).all()
    assert (aligned[130, 130] == 255).all()
    assert (align_face(bright, landmarks + 5000, side=64) == 0).all()


@pytest.mark.parametrize("side", [224, 260, 512])
def test_the_arcface_crop_is_insightfaces_crop(photo: Image, faces: Faces, side: int) -> None:
    embedder = Embedder(load_pack().recogniser, batch=len(faces), device=Device())
    ours = [arcface_crop(align_face(photo, landmarks, side=side)) for landmarks in faces.landmarks]
    theirs = [norm_crop(photo, landmarks) for landmarks in faces.landmarks]

    assert {crop.shape for crop in ours} == {(112, 112, 3)}
    one, other = (e / np.linalg.norm(e, axis=1, keepdims=True) for e in map(embedder.embed, (ours, theirs)))
    assert ((one * other).sum(axis=1) > 0.97).all()
    for mine, crop in zip(ours, theirs, strict=True):
        difference = np.abs(mine.astype(np.int16) - crop)
        moved = np.abs(np.roll(mine, 2, axis=1).astype(np.int16) - crop)
        assert difference.mean() < 5
        assert difference.mean() < moved.mean() / 1.5


@pytest.mark.parametrize("side", [16, 64, 112, 140])
def test_a_face_smaller_than_arcfaces_is_enlarged(side: int) -> None:
    ramp = np.repeat(np.linspace(0, 255, side).astype(np.uint8)[None, :, None], side, axis=0).repeat(3, axis=2)
    crop = arcface_crop(np.ascontiguousarray(ramp))
    assert crop.shape == (112, 112, 3)
    # A tenth of the aligned face is margin on the left, a tenth on the right.
    assert crop[56, 0, 0] == pytest.approx(25.5, abs=255 * 0.75 / side + 1)
    assert crop[56, -1, 0] == pytest.approx(229.5, abs=255 * 0.75 / side + 1)


def test_blur_lowers_sharpness(photo: Image, faces: Faces) -> None:
    for landmarks in faces.landmarks:
        face = align_face(cv2.cvtColor(photo, cv2.COLOR_RGB2BGRA), landmarks, side=260)
        blurred = [np.asarray(cv2.GaussianBlur(face, (0, 0), sigma), np.uint8) for sigma in (0.8, 1.5, 3.0)]
        values = [sharpness(face), *(sharpness(picture) for picture in blurred)]
        assert values == sorted(values, reverse=True)
        assert values[0] > 2 * values[1] > 4 * values[3] > 0


def test_sharpness_is_the_variance_of_the_laplacian(photo: Image, faces: Faces) -> None:
    face = align_face(cv2.cvtColor(photo, cv2.COLOR_RGB2BGRA), faces.landmarks[0], side=260)
    luma = cv2.cvtColor(face, cv2.COLOR_BGRA2GRAY)
    assert sharpness(face) == pytest.approx(cv2.Laplacian(luma, cv2.CV_64F).var())
    assert sharpness(np.full((64, 64, 4), 90, np.uint8)) == 0
    assert isinstance(sharpness(face), float)
