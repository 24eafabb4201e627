"""The picture of the demo video: people in tiles around a film, each frame a pure function of its index."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

WIDTH, HEIGHT, FPS, FRAMES = 1280, 720, 25, 300
PEOPLE = 6
TILE_WIDTH, TILE_HEIGHT = 320, 360
FILM_WIDTH, FILM_HEIGHT = 640, 360

CUT = FRAMES // 2
"""The first frame of the second layout."""
ABSENT_PERSON = 2
ABSENT = range(185, 235)
"""The frames in which ``ABSENT_PERSON`` is away."""

_GUTTER = 2
_GUTTER_COLOUR = (24, 22, 20)
# A tile shows this many face heights, the face's centre this far down.
_FACE_HEIGHTS = 2.4
_FACE_CENTRE = 0.46
_BLUR_SIGMA = 45.0
_DIM = 0.7


@dataclass(frozen=True)
class Tile:
    """A person's place on the wall."""

    x: int
    y: int
    person: int
    mirrored: bool = False


@dataclass(frozen=True)
class Layout:
    """An arrangement of the wall: where the film is and who sits where."""

    film: tuple[int, int]
    tiles: tuple[Tile, ...]


FIRST = Layout(
    film=(0, 0),
    tiles=(
        Tile(640, 0, 0),
        Tile(960, 0, 1),
        Tile(0, 360, 2),
        Tile(320, 360, 3),
        Tile(640, 360, 4),
        Tile(960, 360, 5),
    ),
)
SECOND = Layout(
    film=(640, 360),
    tiles=(
        Tile(0, 0, 4),
        Tile(320, 0, 3),
        Tile(640, 0, 5, mirrored=True),
        Tile(960, 0, 0),
        Tile(0, 360, 1, mirrored=True),
        Tile(320, 360, 2),
    ),
)


@dataclass(frozen=True)
class Crop:
    """A window of the photo, in its pixels: the centre and the height; the width follows from the tile's shape."""

    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Scene:
    """All a frame is drawn from: the photo, a window per person, and each person's empty seat."""

    photo: Image
    crops: tuple[Crop, ...]
    seats: tuple[Image, ...]


@dataclass(frozen=True)
class Motion:
    """How a person is moved at one moment: shifts in parts of the window, a zoom, a turn, a brightness."""

    right: float
    down: float
    zoom: float
    degrees: float
    brightness: float


def build_scene(photo: Image, boxes: Sequence[Sequence[float]]) -> Scene:
    """A scene of the people whose face boxes (x0, y0, x1, y1) are given, from left to right."""
    crops = tuple(_crop(photo, box) for box in boxes)
    still = Motion(0, 0, 1, 0, 1)
    seats = tuple(_empty_seat(_view(photo, crop, still)) for crop in crops)
    return Scene(photo, crops, seats)


def layout_at(index: int) -> Layout:
    """The arrangement of frame ``index``."""
    return FIRST if index < CUT else SECOND


def is_present(person: int, index: int) -> bool:
    """Whether a person sits in their tile in frame ``index``."""
    return person != ABSENT_PERSON or index not in ABSENT


def motion_at(person: int, index: int) -> Motion:
    """How a person is moved in frame ``index``; the periods share no divisor, so no pose comes twice."""
    time, phase = index / FPS, 1.7 * person

    def wave(period: float) -> float:
        return math.sin(2 * math.pi * time / period + phase)

    return Motion(
        right=0.035 * wave(3.7),
        down=0.025 * wave(2.9),
        zoom=1.04 + 0.05 * wave(5.3),
        degrees=4.0 * wave(4.1),
        brightness=1.0 + 0.08 * wave(6.7),
    )


def draw_frame(scene: Scene, index: int) -> Image:
    """Frame ``index`` of the video, as BGR."""
    frame = np.full((HEIGHT, WIDTH, 3), _GUTTER_COLOUR, np.uint8)
    layout = layout_at(index)
    _paste(frame, draw_film(index), *layout.film)
    for tile in layout.tiles:
        if is_present(tile.person, index):
            view = _view(scene.photo, scene.crops[tile.person], motion_at(tile.person, index))
        else:
            view = scene.seats[tile.person]
        _paste(frame, view[:, ::-1] if tile.mirrored else view, tile.x, tile.y)
    return frame


def draw_frames(scene: Scene) -> Iterator[Image]:
    """Every frame of the video, in order."""
    return (draw_frame(scene, index) for index in range(FRAMES))


def draw_film(index: int) -> Image:
    """The film that everybody watches: drifting colours, and a sun that crosses them."""
    time = index / FPS
    y, x = np.mgrid[0 : FILM_HEIGHT // 4, 0 : FILM_WIDTH // 4].astype(np.float32) * 4
    x, y = x / FILM_WIDTH, y / FILM_HEIGHT
    hue = (95 + 25 * np.sin(2 * np.pi * (x + time / 7)) + 30 * y + 6 * time) % 180
    saturation = 150 + 60 * np.sin(2 * np.pi * (y - x / 2 + time / 5))
    value = 90 + 80 * (1 - y) + 30 * np.sin(2 * np.pi * (2 * x + y - time / 4))
    hsv = np.stack([hue, saturation, value], axis=-1).clip(0, 255).astype(np.uint8)
    film = cv2.resize(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), (FILM_WIDTH, FILM_HEIGHT), interpolation=cv2.INTER_LINEAR)
    part = index / FRAMES
    centre = (int(FILM_WIDTH * (0.1 + 0.8 * part)), int(FILM_HEIGHT * (0.75 - 0.5 * math.sin(math.pi * part))))
    cv2.circle(film, centre, 34, (150, 225, 250), -1, cv2.LINE_AA)
    return np.asarray(film, np.uint8)


def _crop(photo: Image, box: Sequence[float]) -> Crop:
    x0, y0, x1, y1 = box
    height = _FACE_HEIGHTS * (y1 - y0)
    width = height * TILE_WIDTH / TILE_HEIGHT
    # Windows stay inside the photo, where they would otherwise show its repeated border.
    rows, columns = photo.shape[:2]
    x = min(max((x0 + x1) / 2, width / 2), columns - width / 2)
    y = min(max((y0 + y1) / 2 + (0.5 - _FACE_CENTRE) * height, height / 2), rows - height / 2)
    return Crop(x, y, height)


def _view(photo: Image, crop: Crop, motion: Motion) -> Image:
    scale = TILE_HEIGHT / crop.height * motion.zoom
    matrix = cv2.getRotationMatrix2D((crop.x, crop.y), motion.degrees, scale)
    matrix[:, 2] += (
        TILE_WIDTH * (0.5 + motion.right) - crop.x,
        TILE_HEIGHT * (0.5 + motion.down) - crop.y,
    )
    view = cv2.warpAffine(
        photo, matrix, (TILE_WIDTH, TILE_HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(cv2.convertScaleAbs(view, alpha=motion.brightness), np.uint8)


def _empty_seat(view: Image) -> Image:
    """What is left when a person is away: their colours without any shape."""
    blurred = cv2.GaussianBlur(view, (0, 0), _BLUR_SIGMA)
    return np.asarray(cv2.convertScaleAbs(blurred, alpha=_DIM), np.uint8)


def _paste(frame: Image, picture: Image, x: int, y: int) -> None:
    height, width = picture.shape[:2]
    inside = picture[_GUTTER : height - _GUTTER, _GUTTER : width - _GUTTER]
    frame[y + _GUTTER : y + height - _GUTTER, x + _GUTTER : x + width - _GUTTER] = inside
