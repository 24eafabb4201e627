from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.video.colour import ColourMatrix, pgmyuv_to_bgra

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

# Luma weights of red and blue, as ITU-R BT.601-7 and BT.709-6 give them.
WEIGHTS = {
    ColourMatrix.BT601: (Fraction("0.299"), Fraction("0.114")),
    ColourMatrix.BT709: (Fraction("0.2126"), Fraction("0.0722")),
}
# Fixed point of OpenCV, and for BT.709 the planes' rounding to 8 bits on their way to BT.601, which a colour
# difference enlarges at most by 2.02 (blue) in each of three planes.
TOLERANCE = {ColourMatrix.BT601: 1.5, ColourMatrix.BT709: 4.0}
MATRICES = list(ColourMatrix)

sides = st.integers(1, 40).map(lambda half: 2 * half)


def reference(luma: Floats, cb: Floats, cr: Floats, matrix: ColourMatrix) -> Floats:
    """(..., 3) blue, green, red, 0 .. 255 and beyond, of limited-range values in float64."""
    red_weight, blue_weight = map(float, WEIGHTS[matrix])
    y, pb, pr = (luma - 16) / 219, (cb - 128) / 224, (cr - 128) / 224
    red = y + 2 * (1 - red_weight) * pr
    blue = y + 2 * (1 - blue_weight) * pb
    green = (y - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return np.stack([blue, green, red], -1) * 255


def planes_of(red: float, green: float, blue: float, matrix: ColourMatrix) -> Floats:
    """Y, Cb, Cr of limited range, not rounded, of a colour 0 .. 255."""
    red_weight, blue_weight = map(float, WEIGHTS[matrix])
    y = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    pb, pr = (blue - y) / 2 / (1 - blue_weight), (red - y) / 2 / (1 - red_weight)
    return np.array([16 + y * 219 / 255, 128 + pb * 224 / 255, 128 + pr * 224 / 255])


def pgmyuv(luma: Bytes, cb: Bytes, cr: Bytes) -> Bytes:
    """As ffmpeg writes it: under the Y plane, rows of Cb with a row of Cr to the right of each."""
    return np.concatenate([luma, np.concatenate([cb, cr], axis=1)])


def converted(planes: Bytes, matrix: ColourMatrix) -> Bytes:
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    out = np.full((height, width, 4), 77, np.uint8)
    pgmyuv_to_bgra(planes, matrix, out)
    return out


def doubled(plane: Bytes) -> Bytes:
    return plane.repeat(2, axis=0).repeat(2, axis=1)


@given(sides, sides, st.integers(0, 2**32 - 1))
def test_noise_of_any_even_size_by_bt601(width: int, height: int, seed: int) -> None:
    """OpenCV repeats a colour sample for its four pixels, so that even noise has one right answer."""
    rng = np.random.default_rng(seed)
    luma = rng.integers(16, 236, (height, width), np.uint8)
    cb, cr = rng.integers(16, 241, (2, height // 2, width // 2), np.uint8)
    found = converted(pgmyuv(luma, cb, cr), ColourMatrix.BT601)
    wanted = reference(*(p.astype(float) for p in (luma, doubled(cb), doubled(cr))), ColourMatrix.BT601)
    assert (found[..., 3] == 255).all()
    difference = np.abs(found[..., :3] - np.clip(wanted, 0, 255))
    assert difference.max() <= TOLERANCE[ColourMatrix.BT601]


@given(sides, sides, st.integers(0, 2**32 - 1))
def test_flat_colours_of_any_even_size(width: int, height: int, seed: int) -> None:
    colour = np.random.default_rng(seed).integers(0, 256, 3)
    for matrix in MATRICES:
        exact = planes_of(*colour, matrix)
        y, cb, cr = np.rint(exact).astype(np.uint8)
        small = (height // 2, width // 2)
        planes = pgmyuv(np.full((height, width), y, np.uint8), np.full(small, cb), np.full(small, cr))
        found = converted(planes, matrix)
        assert found.shape == (height, width, 4)
        assert (found == found[0, 0]).all()
        wanted = np.clip(reference(*np.rint(exact), matrix), 0, 255)
        assert np.abs(found[0, 0, :3] - wanted).max() <= TOLERANCE[matrix], (matrix, colour)
        # What went in comes out: the samples' own rounding costs at most 2 of 255 more.
        assert np.abs(found[0, 0, 2::-1].astype(int) - colour).max() <= TOLERANCE[matrix] + 2


@pytest.mark.parametrize("matrix", MATRICES)
def test_all_greys_stay_grey(matrix: ColourMatrix) -> None:
    luma = np.arange(256, dtype=np.uint8).reshape(16, 16)
    neutral = np.full((8, 8), 128, np.uint8)
    found = converted(pgmyuv(luma, neutral, neutral), matrix)
    assert (found[..., 0] == found[..., 1]).all()
    assert (found[..., 1] == found[..., 2]).all()
    wanted = np.clip((luma.astype(float) - 16) * 255 / 219, 0, 255)
    assert np.abs(found[..., 0] - wanted).max() <= 1
    assert (found[0, :, 0] == 0).all(), "darker than black is black"
    assert (found.reshape(256, 4)[235:, 0] == 255).all()


def test_a_picture_by_bt709_on_smooth_colours() -> None:
    """Colour runs smoothly, as in pictures; brightness is noise."""
    height, width = 96, 128
    rng = np.random.default_rng(0)
    across, down = np.meshgrid(np.linspace(0, 1, width // 2), np.linspace(0, 1, height // 2))
    cb = np.rint(90 + 70 * across).astype(np.uint8)
    cr = np.rint(160 - 60 * down).astype(np.uint8)
    luma = rng.integers(60, 190, (height, width), np.uint8)
    found = converted(pgmyuv(luma, cb, cr), ColourMatrix.BT709)
    wanted = np.clip(
        reference(*(p.astype(float) for p in (luma, doubled(cb), doubled(cr))), ColourMatrix.BT709), 0, 255
    )
    difference = found[..., :3] - wanted
    assert np.abs(difference).max() <= TOLERANCE[ColourMatrix.BT709]
    assert np.abs(difference.mean((0, 1))).max() <= 0.5, "no channel is shifted"


def test_the_matrices_differ_where_they_should() -> None:
    """A saturated green taken for the other matrix's would be off by far more than any tolerance here."""
    y, cb, cr = np.rint(planes_of(40, 180, 60, ColourMatrix.BT709)).astype(np.uint8)
    planes = pgmyuv(np.full((4, 4), y, np.uint8), np.full((2, 2), cb), np.full((2, 2), cr))
    right, wrong = (
        converted(planes.copy(), matrix)[0, 0].astype(int) for matrix in (ColourMatrix.BT709, ColourMatrix.BT601)
    )
    assert np.abs(right[:3] - [60, 180, 40]).max() <= 4
    assert np.abs(right - wrong).max() >= 10


@given(sides, sides)
def test_colour_samples_find_their_places(width: int, height: int) -> None:
    """A single sample of colour tints its own four pixels and no others, in every size."""
    luma = np.full((height, width), 128, np.uint8)
    row, column = (height // 2) * 2 // 3, (width // 2) * 2 // 3
    row, column = min(row, height // 2 - 1), min(column, width // 2 - 1)
    for which, channel in ((0, 0), (1, 2)):
        chroma = np.full((2, height // 2, width // 2), 128, np.uint8)
        chroma[which, row, column] = 190
        found = converted(pgmyuv(luma, *chroma), ColourMatrix.BT601)
        tinted = (
            found[..., channel] > found[0, 0, channel] + 50 if (row, column) != (0, 0) else found[..., channel] > 180
        )
        wanted = np.zeros((height, width), bool)
        wanted[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = True
        np.testing.assert_array_equal(tinted, wanted)
