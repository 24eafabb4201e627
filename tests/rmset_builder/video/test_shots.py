from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from rmset_builder.video.appearance import Grey
from rmset_builder.video.shots import SLOW_REACH, ChangeFinder, Changes

WIDTH, HEIGHT = 320, 180
TILES = [(x, y) for y in range(0, HEIGHT, 60) for x in range(0, WIDTH, 80)]


def textured(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Grey:
    """A smooth random grey picture, like a photograph and unlike noise."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 16), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def wall(*seeds: int) -> Grey:
    """Twelve tiles, each a picture of its own."""
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    for (x, y), seed in zip(TILES, seeds, strict=True):
        picture[y : y + 60, x : x + 80] = textured(seed, 80, 60)
    return picture


def walk(frames: list[Grey]) -> list[Changes]:
    finder = ChangeFinder()
    return [finder.advance(np.asarray(grey, np.uint8)) for grey in frames]


def cuts(frames: list[Grey]) -> list[int]:
    return [number for number, change in enumerate(walk(frames)) if change.is_cut]


def boxes_of_tiles(*tiles: int) -> npt.NDArray[np.float32]:
    """Boxes in the middle of tiles, in pixels of a frame of 1280 x 720."""
    corners = np.array([TILES[tile] for tile in tiles], np.float32)
    low, high = np.array([20, 10]), np.array([60, 50])
    return np.concatenate([corners + low, corners + high], axis=1).astype(np.float32) * 4


def blend(one: Grey, other: Grey, share: float) -> Grey:
    return np.asarray(cv2.addWeighted(one, 1 - share, other, share, 0), np.uint8)


def test_a_hard_cut_is_found_at_its_first_frame_and_nowhere_else() -> None:
    one, two, three = (textured(seed) for seed in range(3))
    assert cuts([one] * 7 + [two] * 7 + [three] * 7) == [7, 14]


def test_the_first_frame_is_no_cut_and_stills_have_none() -> None:
    assert cuts([textured(0)]) == []
    assert cuts([textured(0)] * 30) == []


def test_a_shot_of_one_frame_begins_and_ends() -> None:
    one, two = textured(0), textured(1)
    assert cuts([one] * 8 + [two] + [one] * 8) == [8, 9]


def test_grain_flicker_fades_and_pans_are_no_cuts() -> None:
    rng = np.random.default_rng(0)
    base = textured(0, 640, 360)
    still = base[90:270, 160:480]
    grain = [np.clip(still + rng.normal(0, 8, still.shape), 0, 255) for _ in range(30)]
    flicker = [np.clip(still * (1 + 0.5 * np.sin(step * 2.4)), 0, 255) for step in range(30)]
    fade = [still * (1 - step / 30) for step in range(31)]
    pan = [base[90:270, 160 + 2 * step : 480 + 2 * step] for step in range(60)]
    dissolve = [blend(still, textured(5), step / 25) for step in range(26)]
    for name, frames in {"grain": grain, "flicker": flicker, "fade": fade, "pan": pan, "dissolve": dissolve}.items():
        assert cuts([np.asarray(frame, np.uint8) for frame in frames]) == [], name


def test_a_light_that_goes_on_is_no_cut() -> None:
    dark = (textured(0) * 0.3).astype(np.uint8)
    assert cuts([dark] * 6 + [textured(0)] * 6) == []
    assert cuts([np.full((HEIGHT, WIDTH), level, np.uint8) for level in [100] * 6 + [220] * 6]) == []


def test_a_picture_after_black_is_a_cut() -> None:
    assert cuts([np.zeros((HEIGHT, WIDTH), np.uint8)] * 6 + [textured(0)] * 6) == [6]


def test_steady_turmoil_is_no_row_of_cuts() -> None:
    frames = [textured(seed) for seed in range(40)]
    assert [number for number in cuts(frames) if number >= 2] == []


@pytest.mark.parametrize("bars", [0.5, 0.7])
def test_a_cut_is_found_however_dark_and_narrow_the_pictures_are(bars: float) -> None:
    """Faces between black bars that never change: the change counts among what is lively, not in the whole picture."""

    def narrow(seed: int) -> Grey:
        picture = (textured(seed) * 0.25).astype(np.uint8)
        edge = round(WIDTH * bars / 2)
        picture[:, :edge] = picture[:, WIDTH - edge :] = 0
        return picture

    assert cuts([narrow(1)] * 6 + [narrow(2)] * 6) == [6]


def test_two_tiles_that_exchange_places_are_no_cut_but_new_where_they_are() -> None:
    before, after = wall(*range(12)), wall(5, *range(1, 5), 0, *range(6, 12))
    changes = walk([before] * 30 + [after] * 10)
    assert not any(change.is_cut for change in changes)
    settled = changes[39].of_boxes(boxes_of_tiles(0, 5, 6), frame=39, width=1280, height=720)
    assert settled.since.tolist() == [30, 30, 39 - SLOW_REACH]
    assert settled.is_new.tolist() == [True, True, False]
    assert settled.steady.tolist() == pytest.approx([1, 1, 1], abs=1e-3), "what is new is not compared with before"


def test_a_cut_is_news_everywhere_but_no_local_one() -> None:
    changes = walk([textured(0)] * 30 + [textured(1)] * 10)
    settled = changes[35].of_boxes(boxes_of_tiles(0, 7), frame=35, width=1280, height=720)
    assert settled.since.tolist() == [30, 30]
    assert not settled.is_new.any()


@pytest.mark.parametrize("length", [4, 10, 16, 25])
def test_a_tile_that_fades_into_another_is_unsteady_and_the_others_are_not(length: int) -> None:
    one, other = wall(*range(12)), wall(*range(3), 99, *range(4, 12))
    fade = [blend(one, other, (step + 1) / (length + 1)) for step in range(length)]
    frames = [one] * 40 + fade + [other] * 60
    lowest = np.ones(2)
    last = 0
    for number, change in enumerate(walk(frames)):
        assert not change.is_cut
        settled = change.of_boxes(boxes_of_tiles(3, 8), frame=number, width=1280, height=720)
        lowest = np.minimum(lowest, settled.steady)
        if settled.steady[0] < 0.75:
            last = number
    assert lowest[0] < 0.75
    assert lowest[1] > 0.95
    assert 40 <= last < 40 + length + SLOW_REACH


def test_flicker_is_steady() -> None:
    base = wall(*range(12))
    frames = [np.clip(base * (1 + 0.4 * np.sin(step * 2.4)), 0, 255).astype(np.uint8) for step in range(60)]
    changes = walk(frames)
    settled = changes[59].of_boxes(boxes_of_tiles(*range(12)), frame=59, width=1280, height=720)
    assert (settled.since == 59 - SLOW_REACH).all()
    assert settled.steady.min() > 0.8


def test_a_place_is_compared_only_with_its_own_past() -> None:
    before, after = wall(*range(12)), wall(5, *range(1, 5), 0, *range(6, 12))
    changes = walk([before] * 30 + [after] * (2 * SLOW_REACH))
    for number in range(30, len(changes)):
        settled = changes[number].of_boxes(boxes_of_tiles(0), frame=number, width=1280, height=720)
        assert settled.steady[0] > 0.99, number


def test_boxes_at_and_beyond_the_border_and_pictures_of_any_shape() -> None:
    odd = np.array([[-50, -50, 30, 30], [2000, 2000, 2100, 2100], [5, 5, 5, 5]], np.float32)
    for height, width in ((180, 320), (320, 180), (1, 320), (320, 320)):
        changes = walk([textured(seed, width, height) for seed in (0, 1)])
        settled = changes[1].of_boxes(odd, frame=1, width=width * 4, height=height * 4)
        assert settled.since.shape == settled.steady.shape == settled.is_new.shape == (3,)
        assert np.isfinite(settled.steady).all()
    assert len(changes[1].of_boxes(odd[:0], frame=1, width=1280, height=720).since) == 0
