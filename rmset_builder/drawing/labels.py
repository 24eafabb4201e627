"""Labels as pixels, and where they stand so that they hide least. Nothing here reads or writes a file."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

DARK: Colour = (24, 24, 22)
LIGHT: Colour = (255, 255, 255)
# The font's size is the larger of two shares, of the picture's longer side and of the face's width.
_LEAST_FONT, _MOST_FONT, _OF_PICTURE, _OF_FACE = 14, 40, 1 / 68, 1 / 14
_FINE = 4  # labels are drawn so many times larger, and then scaled down: Pillow's corners have no anti-aliasing
_GAP = 3


@dataclass(frozen=True)
class Label:
    """A label as pixels: ``rgb`` (h, w, 3) float32 and how opaque it is, ``alpha`` (h, w, 1) in 0 .. 1."""

    rgb: npt.NDArray[np.float32]
    alpha: npt.NDArray[np.float32]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.rgb.shape[1], self.rgb.shape[0]


def luminance(colour: Colour) -> float:
    """How light an sRGB colour is, 0 .. 1 (WCAG 2.2, "relative luminance")."""
    shares = [part / 255 for part in colour]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: Colour, b: Colour) -> float:
    """How well one colour is read on the other: 1 for equal ones to 21 for black on white (WCAG 2.2)."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def ink_for(ground: Colour) -> Colour:
    """The ink that is read best on a ground: dark or light."""
    return max((DARK, LIGHT), key=lambda ink: contrast(ink, ground))


@functools.lru_cache(maxsize=4096)
def label(text: str, font_size: int, ground: Colour) -> Label:
    """A text on a ground with round corners."""
    ink = ink_for(ground)
    font = ImageFont.load_default(size=font_size * _FINE)
    left, _, right, _ = font.getbbox(text)
    ascent, descent = font.getmetrics() if isinstance(font, ImageFont.FreeTypeFont) else (font_size * _FINE, 0)
    side, above = round(0.45 * font_size) * _FINE, round(0.2 * font_size) * _FINE
    width = -(-(round(right - left) + 2 * side) // _FINE) * _FINE
    height = -(-(ascent + descent + 2 * above) // _FINE) * _FINE
    large = Image.new("RGBA", (width, height), (*ink, 0))
    draw = ImageDraw.Draw(large)
    draw.rounded_rectangle((0, 0, width - 1, height - 1), radius=round(0.3 * height), fill=(*ground, 255))
    draw.text((side - left, above), text, fill=(*ink, 255), font=font)
    small = large.resize((width // _FINE, height // _FINE), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    return Label(pixels[:, :, :3], pixels[:, :, 3:] / np.float32(255))


def font_size(box: Box | None, picture: tuple[int, int]) -> int:
    """The size of the font beside a box, in a picture of some width and height; None is a picture that is all face."""
    width = max(picture) / 4 if box is None else box[2] - box[0]
    return round(min(max(max(picture) * _OF_PICTURE, width * _OF_FACE, _LEAST_FONT), _MOST_FONT))


def place(
    size: tuple[int, int], box: Box, others: Sequence[Box], taken: Sequence[Box], picture: tuple[int, int]
) -> Box:
    """Where a label of ``size`` stands: of some places at its box, best first, the one that hides least.

    Args:
        size: width and height.
        box: of the label's face, with its line.
        others: boxes of other faces.
        taken: where labels stand already.
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
        found = (*inner, inner[0] + width, inner[1] + height)
        cost = 10 * sum(_overlap(found, other) for other in taken) + 2 * sum(_overlap(found, other) for other in others)
        cost += _overlap(found, box) + 0.001 * order * width * height
        if cost < least:
            best, least = found, cost
    return best


def blend(picture: Pixels, label: Label, left: int, top: int) -> None:
    """Put a label onto a picture (h, w, 3) RGB."""
    right, bottom = min(left + label.size[0], picture.shape[1]), min(top + label.size[1], picture.shape[0])
    under = picture[top:bottom, left:right]
    alpha, rgb = label.alpha[: bottom - top, : right - left], label.rgb[: bottom - top, : right - left]
    under[:] = np.round(under * (1 - alpha) + rgb * alpha)


def _inside(start: float, length: int, room: int) -> float:
    return min(max(start, 0), max(room - length, 0))


def _overlap(a: Box, b: Box) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)
