from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmset_builder.video.appearance import Grey, patches, thumbnail

Boxes = npt.NDArray[np.float32]


def textured(seed: int, width: int = 320, height: int = 180) -> Grey:
    """A smooth random grey picture, like a photograph and unlike noise."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 16), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1280, 720, (180, 320)),
        (720, 1280, (320, 180)),
        (640, 640, (320, 320)),
        (160, 90, (180, 320)),
        (1279, 719, (180, 320)),
        (4000, 2, (1, 320)),
        (1, 1, (320, 320)),
    ],
)
def test_a_thumbnails_longest_side_is_320(width: int, height: int, expected: tuple[int, int]) -> None:
    grey = thumbnail(np.full((height, width, 4), 77, np.uint8))
    assert grey.shape == expected
    assert grey.dtype == np.uint8
    assert (grey == 77).all()


@pytest.mark.parametrize(("colour", "luma"), [((255, 0, 0), 29), ((0, 255, 0), 150), ((0, 0, 255), 76)])
def test_a_thumbnail_is_the_luma_of_blue_green_and_red(colour: tuple[int, int, int], luma: int) -> None:
    frame = np.full((90, 160, 4), (*colour, 255), np.uint8)
    assert np.abs(thumbnail(frame).astype(int) - luma).max() <= 1


def test_a_thumbnail_keeps_the_picture_where_it_was() -> None:
    frame = np.zeros((720, 1280, 4), np.uint8)
    frame[180:360, 640:960] = 200
    grey = thumbnail(frame)
    assert (grey[46:89, 161:239] == 200).all()
    grey[44:91, 159:241] = 0
    assert (grey == 0).all()


def correlation(a: Grey, b: Grey) -> float:
    one, other = (cv2.resize(part, (16, 16), interpolation=cv2.INTER_AREA).ravel().astype(float) for part in (a, b))
    return float(np.corrcoef(one, other)[0, 1])


@given(st.integers(0, 1000))
@settings(max_examples=30)
def test_the_product_of_two_patches_is_their_correlation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grey = textured(seed)
    x, y = rng.integers(0, 200, 4), rng.integers(0, 100, 4)
    corners = np.stack([x, y, x + rng.integers(20, 100, 4), y + rng.integers(20, 70, 4)], axis=1)
    found = patches(grey, (corners * 4).astype(np.float32), frame_width=1280)
    for i, (x0, y0, x1, y1) in enumerate(corners):
        for j, (u0, v0, u1, v1) in enumerate(corners):
            expected = correlation(grey[y0:y1, x0:x1], grey[v0:v1, u0:u1])
            assert float(found[i] @ found[j]) == pytest.approx(expected, abs=0.01)


def test_patches_are_unit_vectors_that_do_not_mind_light() -> None:
    grey = textured(3)
    boxes = np.array([[100, 100, 300, 350], [640, 200, 900, 600]], np.float32)
    found = patches(grey, boxes, frame_width=1280)
    dimmed = patches((grey * 0.6 + 30).astype(np.uint8), boxes, frame_width=1280)
    assert found.shape == (2, 256)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)
    assert ((found * dimmed).sum(axis=1) > 0.999).all()
    assert found[0] @ found[1] < 0.8


def test_a_patch_follows_its_frame_whatever_the_frames_size() -> None:
    grey = textured(4)
    quarter = np.array([[40, 40, 120, 100]], np.float32)
    np.testing.assert_array_equal(patches(grey, quarter, frame_width=320), patches(grey, quarter * 6, frame_width=1920))


def test_boxes_at_and_beyond_the_border_and_without_area() -> None:
    odd: Boxes = np.array(
        [[-50, -50, 30, 30], [1200, 650, 1400, 900], [-90, -90, -10, -10], [2000, 2000, 2100, 2100], [5, 5, 5, 5]],
        np.float32,
    )
    found = patches(textured(5), odd, frame_width=1280)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("far", [1e5, 1e9])
def test_a_box_that_no_picture_has_takes_no_memory(far: float) -> None:
    absurd: Boxes = np.array([[0, 0, far, far], [-far, 0, 30, 30]], np.float32)
    assert np.isfinite(patches(textured(5), absurd, frame_width=1280)).all()


@given(st.integers(0, 1000), st.floats(7, 15), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30)
def test_a_small_face_is_like_itself_between_two_pixels(seed: int, side: float, right: float, down: float) -> None:
    coarse = np.random.default_rng(seed).integers(0, 256, (72, 128), np.uint8)
    big = cv2.resize(coarse, (1280, 720), interpolation=cv2.INTER_CUBIC)
    shift = np.array([4 * right, 4 * down])
    moved = cv2.warpAffine(big, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), (1280, 720))
    box = np.array([[600, 300, 600 + 4 * side, 300 + 4 * side]], np.float32)
    one, other = (cv2.resize(picture, (320, 180), interpolation=cv2.INTER_AREA) for picture in (big, moved))
    there = np.concatenate([shift, shift]).astype(np.float32)
    a, b = patches(one, box, frame_width=1280), patches(other, box + there, frame_width=1280)
    assert float((a @ b.T).item()) > 0.98


def test_a_face_half_outside_is_like_itself_as_it_comes_in() -> None:
    grey = textured(8)
    shifted = cv2.warpAffine(grey, np.array([[1.0, 0, 8], [0, 1, 0]]), (320, 180), borderMode=cv2.BORDER_REPLICATE)
    a = patches(grey, np.array([[-30, 40, 50, 120]], np.float32), frame_width=320)
    b = patches(shifted, np.array([[-22, 40, 58, 120]], np.float32), frame_width=320)
    assert float((a @ b.T).item()) > 0.98


def test_flat_boxes_are_like_nothing_and_no_boxes_give_no_patches() -> None:
    flat = patches(np.full((180, 320), 90, np.uint8), np.array([[0, 0, 200, 200]], np.float32), frame_width=1280)
    assert not flat.any()
    assert patches(textured(0), np.empty((0, 4), np.float32), frame_width=1280).shape == (0, 256)
