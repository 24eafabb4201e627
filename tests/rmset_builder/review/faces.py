"""Pictures that stand for faces: one colour for each place in the wall, darker the later it is."""

from __future__ import annotations

import io
from functools import cache

from PIL import Image

_TILE = 100
_COLOURS = ["#c33", "#3a3", "#33c", "#cc3", "#c3c", "#3cc"]


@cache
def jpeg(frame: int, left: float) -> bytes:
    """The JPEG file of a face that is there in a frame."""
    colour = Image.new("RGB", (1, 1), _COLOURS[int(left) // _TILE]).getpixel((0, 0))
    assert isinstance(colour, tuple)
    file = io.BytesIO()
    dimmed = tuple(int(one * (1 - frame / 120)) for one in colour)
    Image.new("RGB", (64, 64), dimmed).save(file, "JPEG")
    return file.getvalue()
