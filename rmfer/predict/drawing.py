"""Faces and their expressions drawn onto a picture. Nothing here reads or writes a file."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from rmfer.predict.results import Box, Face

Pixels = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

# In the canonical order: neutral happiness sadness surprise fear disgust anger contempt.
COLOURS: tuple[Colour, ...] = (
    (226, 226, 220),
    (255, 205, 60),
    (90, 160, 245),
    (255, 146, 62),
    (178, 132, 240),
    (112, 196, 92),
    (240, 84, 84),
    (74, 200, 190),
)
_INK: Colour = (24, 24, 22)

# Smaller pictures are drawn larger, so that a label fits on them.
LEAST_SIDE = 640
# The font's size is the larger of two shares, of the picture's longer side and of the face's width.
_LEAST_FONT, _MOST_FONT, _OF_PICTURE, _OF_FACE = 14, 40, 1 / 56, 1 / 14
_FINE = 4  # tags are drawn so many times larger, and then scaled down: Pillow's corners have no anti-aliasing
_GAP = 3


@dataclass(frozen=True)
class _Tag:
    """A label as pixels: ``rgb`` (h, w, 3) float32 and how opaque it is, ``alpha`` (h, w, 1) in 0 .. 1."""

    rgb: npt.NDArray[np.float32]
    alpha: npt.NDArray[np.float32]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.rgb.shape[1], self.rgb.shape[0]


def scale_for(width: int, height: int) -> int:
    """How many times larger a picture is drawn."""
    return max(1, math.ceil(LEAST_SIDE / max(width, height)))


def annotate(picture: Pixels, faces: Sequence[Face], names: Sequence[str]) -> Pixels:
    """A copy of a picture (h, w, 3) RGB with a box around each face and its expression beside it.

    It is `scale_for` times larger. Labels keep clear of each other and, where there is room, of other faces.

    Args:
        picture: uint8.
        faces: found in it.
        names: (C,) of the expressions.
    """
    height, width = picture.shape[:2]
    scale = scale_for(width, height)
    size = (width * scale, height * scale)
    drawn = np.array(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC) if scale > 1 else picture, np.uint8)
    line = max(3, round(max(size) / 480))
    boxes = [_scaled(face.box, scale) for face in faces]
    for face, box in zip(faces, boxes, strict=True):
        if box is not None:
            _draw_box(drawn, box, COLOURS[face.label], line)
    taken: list[Box] = []
    # Large faces choose first: they hide least of others.
    for index in sorted(range(len(faces)), key=lambda i: -_area(boxes[i])):
        face, box = faces[index], boxes[index]
        text = f"{names[face.label]}  {100 * face.probability:.0f} %"
        tag = _tag(text, _font_size(box, size), COLOURS[face.label])
        others = [other for at, other in enumerate(boxes) if at != index and other is not None]
        place = _place(tag.size, _widened(box, line, size), others, taken, size)
        taken.append(place)
        _blend(drawn, tag, round(place[0]), round(place[1]))
    return drawn


def _draw_box(picture: Pixels, box: Box, colour: Colour, line: int) -> None:
    """A box with round corners, and a dark seam outside of it that keeps it apart from bright grounds."""
    for thickness, shade in ((line + 2, _INK), (line, colour)):
        left, top, right, bottom = (round(side) for side in box)
        radius = max(1, min(round(0.1 * min(right - left, bottom - top)), 6 * line))
        for x0, y0, x1, y1 in (
            (left + radius, top, right - radius, top),
            (left + radius, bottom, right - radius, bottom),
            (left, top + radius, left, bottom - radius),
            (right, top + radius, right, bottom - radius),
        ):
            cv2.line(picture, (x0, y0), (x1, y1), shade, thickness, cv2.LINE_AA)
        for x, y, angle in (
            (left + radius, top + radius, 180),
            (right - radius, top + radius, 270),
            (right - radius, bottom - radius, 0),
            (left + radius, bottom - radius, 90),
        ):
            cv2.ellipse(picture, (x, y), (radius, radius), angle, 0, 90, shade, thickness, cv2.LINE_AA)


def _place(
    size: tuple[int, int], box: Box, others: Sequence[Box], taken: Sequence[Box], picture: tuple[int, int]
) -> Box:
    """Where a tag of ``size`` stands: of some places at its box, best first, the one that hides least.

    Args:
        size: width and height.
        box: of the tag's face, with its line.
        others: boxes of other faces.
        taken: where tags stand already.
        picture: width and height.
    """
    width, height = size
    x0, y0, x1, y1 = box
    middle = (x0 + x1 - width) / 2
    above, below, high, low = y0 - height - _GAP, y1 + _GAP, y0 + _GAP, y1 - height - _GAP
    right, left = x1 + _GAP, x0 - width - _GAP
    corners = [(x, y) for y in (above, below) for x in (x0, middle, x1 - width)]
    corners += [(x, y) for y in (high, low) for x in (right, left)]
    corners += [(middle, low), (middle, high)]
    best, least = box, math.inf
    for order, (x, y) in enumerate(corners):
        inner = _inside(x, width, picture[0]), _inside(y, height, picture[1])
        place = (*inner, inner[0] + width, inner[1] + height)
        cost = 10 * sum(_overlap(place, other) for other in taken) + 2 * sum(_overlap(place, other) for other in others)
        cost += _overlap(place, box) + 0.001 * order * width * height
        if cost < least:
            best, least = place, cost
    return best


def _font_size(box: Box | None, picture: tuple[int, int]) -> int:
    width = max(picture) / 4 if box is None else box[2] - box[0]
    return round(min(max(max(picture) * _OF_PICTURE, width * _OF_FACE, _LEAST_FONT), _MOST_FONT))


def _widened(box: Box | None, line: int, picture: tuple[int, int]) -> Box:
    """A box with the line around it; where the picture itself is the face, all of it."""
    if box is None:
        return 0, 0, picture[0], picture[1]
    return box[0] - line / 2, box[1] - line / 2, box[2] + line / 2, box[3] + line / 2


@functools.lru_cache(maxsize=4096)
def _tag(text: str, font_size: int, colour: Colour) -> _Tag:
    """A label on a ground of ``colour`` with round corners."""
    font = ImageFont.load_default(size=font_size * _FINE)
    left, _, right, _ = font.getbbox(text)
    ascent, descent = font.getmetrics() if isinstance(font, ImageFont.FreeTypeFont) else (font_size * _FINE, 0)
    side, above = round(0.45 * font_size) * _FINE, round(0.2 * font_size) * _FINE
    width = -(-(round(right - left) + 2 * side) // _FINE) * _FINE
    height = -(-(ascent + descent + 2 * above) // _FINE) * _FINE
    large = Image.new("RGBA", (width, height), (*_INK, 0))
    draw = ImageDraw.Draw(large)
    draw.rounded_rectangle((0, 0, width - 1, height - 1), radius=round(0.3 * height), fill=(*colour, 255))
    draw.text((side - left, above), text, fill=(*_INK, 255), font=font)
    small = large.resize((width // _FINE, height // _FINE), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    return _Tag(pixels[:, :, :3], pixels[:, :, 3:] / np.float32(255))


def _blend(picture: Pixels, tag: _Tag, left: int, top: int) -> None:
    right, bottom = min(left + tag.size[0], picture.shape[1]), min(top + tag.size[1], picture.shape[0])
    under = picture[top:bottom, left:right]
    alpha, rgb = tag.alpha[: bottom - top, : right - left], tag.rgb[: bottom - top, : right - left]
    under[:] = np.round(under * (1 - alpha) + rgb * alpha)


def _scaled(box: Box | None, scale: int) -> Box | None:
    return None if box is None else (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)


def _inside(start: float, length: int, room: int) -> float:
    return min(max(start, 0), max(room - length, 0))


def _area(box: Box | None) -> float:
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])


def _overlap(a: Box, b: Box) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)
