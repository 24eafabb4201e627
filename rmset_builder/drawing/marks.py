"""Marks of faces drawn onto a picture: a box, points, a label beside it. Nothing here reads or writes a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from rmset_builder.drawing.labels import DARK, Box, Colour, Pixels, blend, font_size, label, place

__all__ = ["LEAST_SIDE", "Box", "Colour", "Mark", "Pixels", "draw_marks", "line_width", "scale_for"]

LEAST_SIDE = 640
"""Smaller pictures are drawn larger, so that a label fits on them."""

# Points are at fractions of a pixel; OpenCV takes them as whole numbers of this many parts.
_PARTS_BITS = 4


@dataclass(frozen=True)
class Mark:
    """What is drawn of a face.

    Attributes:
        colour: of box, points and the label's ground: red, green, blue, 0 .. 255.
        text: of the label; empty for none.
        box: x0, y0, x1, y1, pixels of the picture; None where the picture is the face.
        points: x, y of landmarks, pixels of the picture.
    """

    colour: Colour
    text: str = ""
    box: Box | None = None
    points: tuple[tuple[float, float], ...] = ()


def scale_for(width: int, height: int) -> int:
    """How many times larger a picture is drawn."""
    return max(1, math.ceil(LEAST_SIDE / max(width, height)))


def draw_marks(picture: Pixels, marks: Sequence[Mark]) -> Pixels:
    """A copy of a picture (h, w, 3) RGB with the marks of faces on it.

    It is `scale_for` times larger. Labels keep clear of each other and, where there is room, of other faces.

    Args:
        picture: uint8.
        marks: of the faces in it.
    """
    height, width = picture.shape[:2]
    scale = scale_for(width, height)
    size = (width * scale, height * scale)
    drawn = np.array(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC) if scale > 1 else picture, np.uint8)
    line = line_width(*size)
    boxes = [_scaled(mark.box, scale) for mark in marks]
    for mark, box in zip(marks, boxes, strict=True):
        if box is not None:
            _draw_box(drawn, box, mark.colour, line)
        for x, y in mark.points:
            _draw_point(drawn, x * scale, y * scale, mark.colour, line)
    taken: list[Box] = []
    # Large faces choose first: they hide least of others.
    for index in sorted(range(len(marks)), key=lambda i: -_area(boxes[i])):
        mark, box = marks[index], boxes[index]
        if not mark.text:
            continue
        own = label(mark.text, font_size(box, size), mark.colour)
        others = [other for at, other in enumerate(boxes) if at != index and other is not None]
        found = place(own.size, _widened(box, line, size), others, taken, size)
        taken.append(found)
        blend(drawn, own, round(found[0]), round(found[1]))
    return drawn


def line_width(width: int, height: int) -> int:
    """How many pixels wide a box's line is in a picture of this size as it is drawn, without the seam around it."""
    return max(3, round(max(width, height) / 480))


def _draw_box(picture: Pixels, box: Box, colour: Colour, line: int) -> None:
    """A box with round corners, and a dark seam outside of it that keeps it apart from bright grounds."""
    for thickness, shade in ((line + 2, DARK), (line, colour)):
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


def _draw_point(picture: Pixels, x: float, y: float, colour: Colour, line: int) -> None:
    """A dot twice as wide as a box's line, with the same seam."""
    parts = 1 << _PARTS_BITS
    middle = round(x * parts), round(y * parts)
    for radius, shade in ((line + 1, DARK), (line, colour)):
        cv2.circle(picture, middle, radius * parts, shade, cv2.FILLED, cv2.LINE_AA, _PARTS_BITS)


def _widened(box: Box | None, line: int, picture: tuple[int, int]) -> Box:
    """A box with the line around it; where the picture itself is the face, all of it."""
    if box is None:
        return 0, 0, picture[0], picture[1]
    return box[0] - line / 2, box[1] - line / 2, box[2] + line / 2, box[3] + line / 2


def _scaled(box: Box | None, scale: int) -> Box | None:
    return None if box is None else (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)


def _area(box: Box | None) -> float:
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
