from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from rmset_builder.drawing.labels import contrast, ink_for, luminance
from rmset_builder.drawing.marks import draw_marks, line_width, scale_for
from rmset_builder.drawing.people import PALETTE, FrameFaces, blur_area, blurred, colour_of, marks_of

# Machado, Oliveira, Fernandes (2009), table 1: what people without one of the three kinds of cones see, in linear RGB.
BLIND = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "none": np.eye(3).tolist(),
}


def faces(*boxes: tuple[float, float, float, float], identities: list[int] | None = None) -> FrameFaces:
    count = len(boxes)
    middle = np.array([[(x0 + x1) / 2, (y0 + y1) / 2] for x0, y0, x1, y1 in boxes], np.float32).reshape(-1, 1, 2)
    numbers = np.array(list(range(count)) if identities is None else identities, np.int32)
    return FrameFaces(7, numbers, np.array(boxes, np.float32).reshape(-1, 4), middle.repeat(5, axis=1))


def lab(colours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """CIE L*a*b* of linear RGB (n, 3)."""
    srgb = np.where(colours <= 0.0031308, 12.92 * colours, 1.055 * np.maximum(colours, 0) ** (1 / 2.4) - 0.055)
    pixels = np.clip(srgb, 0, 1).astype(np.float32)[None]
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[0], np.float64)


@pytest.mark.parametrize("kind", BLIND)
def test_colours_differ_for_whoever_lacks_a_kind_of_cones(kind: str) -> None:
    shares = np.array(PALETTE) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    seen = lab(linear @ np.array(BLIND[kind]).T)
    least = min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))
    assert least > 10  # a just noticeable difference is about 2.3


def test_numbers_are_read_on_every_ground() -> None:
    assert luminance((255, 255, 255)) == pytest.approx(1)
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    for colour in PALETTE:
        assert contrast(ink_for(colour), colour) >= 4.5  # WCAG 2.2, level AA


def test_a_person_has_one_colour_and_neighbours_in_number_have_others() -> None:
    assert [colour_of(n) for n in range(8)] == list(PALETTE)
    assert colour_of(11) == colour_of(3)
    assert len(set(PALETTE)) == 8


def test_a_mark_is_a_box_with_points_and_a_number_in_the_persons_colour() -> None:
    picture = np.zeros((720, 1280, 3), np.uint8)
    found = faces((200, 200, 300, 330), (700, 300, 900, 560), identities=[4, 11])
    assert [mark.text for mark in marks_of(found, labels=False)] == ["", ""]
    bare, told = (draw_marks(picture, marks_of(found, labels=labels)) for labels in (False, True))
    assert not picture.any()
    for identity, (x0, y0, x1, y1) in zip((4, 11), found.boxes.astype(int), strict=True):
        middle = (x0 + x1) // 2, (y0 + y1) // 2
        for x, y in ((x0, middle[1]), (x1, middle[1]), (middle[0], y0), (middle[0], y1), middle):
            assert tuple(bare[y, x]) == colour_of(identity)
        in_colour = [(each == colour_of(identity)).all(axis=2).sum() for each in (bare, told)]
        assert in_colour[1] > in_colour[0] + 200  # the number's ground
        assert not bare[middle[1] - 20, x0 + 20].any()  # what is inside a box stays to be seen
    assert line_width(1280, 720) == 3


def test_small_pictures_are_drawn_larger() -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    drawn = draw_marks(picture, marks_of(faces((40, 20, 80, 70)), labels=True))
    assert scale_for(160, 90) == 4
    assert drawn.shape == (360, 640, 3)
    assert tuple(drawn[4 * 45, 4 * 40]) == tuple(drawn[4 * 45, 4 * 60]) == colour_of(0)


def test_blurring_leaves_blots_of_a_face_and_all_else_as_it_was() -> None:
    picture = np.random.default_rng(3).integers(0, 255, (360, 640, 3), np.uint8)
    found = faces((100, 100, 160, 180), (600, -20, 700, 60), (900, 900, 950, 960))
    areas = [blur_area(box, 640, 360) for box in found.boxes]
    assert areas[:2] == [(88, 84, 172, 196), (580, 0, 640, 76)]
    before = picture.copy()
    after = blurred(picture, found.boxes)
    assert (picture == before).all()
    inside = np.zeros((360, 640), bool)
    for left, top, right, bottom in areas[:2]:
        inside[top:bottom, left:right] = True
        assert cv2.Laplacian(after[top:bottom, left:right], cv2.CV_64F).var() < 5
    assert (after[~inside] == before[~inside]).all()


def test_some_people_alone() -> None:
    found = faces((0, 0, 10, 10), (20, 20, 40, 40), (50, 50, 60, 60), identities=[2, 5, 2])
    assert found.of(frozenset()) is found
    assert found.of({2}).identity.tolist() == [2, 2]
    assert found.of({2}).boxes[:, 0].tolist() == [0, 50]
    assert len(found.of({9}).landmarks) == 0
