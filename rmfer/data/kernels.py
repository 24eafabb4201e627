# ruff: noqa: PLW3301
"""Loops over pixels that OpenCV has not, or has slowly; compiled by numba to vector instructions, free of the GIL.

Largest and smallest of three are nested: numba compiles those of two to one instruction.
A picture is jittered a tile at a time, each colour whole numbers in float32, so that only the first step reads bytes
and only the last writes beyond the core's own cache. Brightness, contrast and saturation give the very bytes that
Pillow's ``ImageEnhance`` gives; hue is turned exactly and rounded once, where Pillow rounds hue, saturation and value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Colours = tuple[Floats, Floats, Floats]

# Pixels: as many as leave room in 32 KiB for their three colours and for what they are made into.
TILE = 1024

_ZERO, _HALF, _ONE, _FULL = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)
_TWO, _THREE, _FOUR, _SIX = (np.float32(n) for n in (2, 3, 4, 6))
# Pillow's weights of red, green and blue, in 1/65536: their sums are below 2^24 and so exact in float32, whose
# multiplication is several times as fast as that of integers.
_RED, _GREEN, _BLUE = (np.float32(n / 65536) for n in (19595, 38470, 7471))

_compiled = njit(nogil=True, fastmath=True, cache=True)


@_compiled
def _mix(colour: Floats, other: Any, factor: Any) -> None:
    """``other + factor * (colour - other)``, cut to 0 .. 255 and truncated, as Pillow blends."""
    shift = other - factor * other
    for i in range(colour.size):
        colour[i] = np.floor(min(_FULL, max(_ZERO, shift + factor * colour[i])))


@_compiled
def _sum_luma(red: Floats, green: Floats, blue: Floats) -> Any:
    total = np.int32(0)
    for i in range(red.size):
        total += np.int32(red[i] * _RED + green[i] * _GREEN + blue[i] * _BLUE + _HALF)
    return total


@_compiled
def _saturate(red: Floats, green: Floats, blue: Floats, factor: Any) -> None:
    rest = _ONE - factor
    for i in range(red.size):
        r, g, b = red[i], green[i], blue[i]
        gray = rest * np.floor(r * _RED + g * _GREEN + b * _BLUE + _HALF)
        red[i] = np.floor(min(_FULL, max(_ZERO, gray + factor * r)))
        green[i] = np.floor(min(_FULL, max(_ZERO, gray + factor * g)))
        blue[i] = np.floor(min(_FULL, max(_ZERO, gray + factor * b)))


@_compiled
def _turn_hue(red: Floats, green: Floats, blue: Floats, shift: Any) -> None:
    """Turn by ``shift`` sixths of the circle, -1 < shift < 1.

    With hue and the ramps of HSV multiplied by the chroma (largest minus smallest channel) nothing has to be divided:
    above the smallest, red has |hue - 3| - 1, green 2 - |hue - 2| and blue 2 - |hue - 4|, each cut to 0 .. 1.
    """
    for i in range(red.size):
        r, g, b = red[i], green[i], blue[i]
        high, low = max(max(r, g), b), min(min(r, g), b)
        chroma = high - low
        two, four = _TWO * chroma, _FOUR * chroma
        hue = r - g + four
        if g == high:
            hue = b - r + two
        if r == high:
            hue = g - b
        hue += shift * chroma
        if hue < _ZERO:
            hue += _SIX * chroma
        rounded = low + _HALF
        red[i] = np.floor(rounded + max(_ZERO, min(chroma, abs(hue - _THREE * chroma) - chroma)))
        green[i] = np.floor(rounded + max(_ZERO, min(chroma, two - abs(hue - two))))
        blue[i] = np.floor(rounded + max(_ZERO, min(chroma, two - abs(hue - four))))


@_compiled
def _change(colours: Colours, order: npt.NDArray[np.int64], strength: Floats, mean: Any) -> None:
    red, green, blue = colours
    for which in order:
        if which == 0:
            for colour in colours:
                _mix(colour, _ZERO, strength[0])
        elif which == 1:
            for colour in colours:
                _mix(colour, mean, strength[1])
        elif which == 2:
            _saturate(red, green, blue, strength[2])
        else:
            _turn_hue(red, green, blue, strength[3] * _SIX)


@_compiled
def _part(planes: Any, begin: int, end: int) -> Any:
    # Row by row: numba knows then that each is contiguous, without which there are no vector instructions.
    return planes[0, begin:end], planes[1, begin:end], planes[2, begin:end]


@_compiled
def _copy(source: Any, target: Any) -> None:
    for colour in range(3):
        for i in range(source[colour].size):
            target[colour][i] = source[colour][i]


@_compiled
def _change_before_contrast(planes: Bytes, before: npt.NDArray[np.int64], strength: Floats, tile: Floats) -> Any:
    """Take the steps ``before`` contrast; returns the mean luma of what they make, which contrast wants."""
    count, total = planes.shape[1], 0
    for begin in range(0, count, TILE):
        end = min(begin + TILE, count)
        part, colours = _part(planes, begin, end), _part(tile, 0, end - begin)
        _copy(part, colours)
        _change(colours, before, strength, _ZERO)
        total += _sum_luma(*colours)
        if len(before):
            _copy(colours, part)
    return np.float32(np.int32(total / count + 0.5))


@_compiled
def _normalize(colours: Colours, line: Floats, out: Floats) -> None:
    red, green, blue = colours
    # Read before the loop: numba cannot know that writing to out leaves them.
    scale_r, scale_g, scale_b = line[0, 0], line[0, 1], line[0, 2]
    shift_r, shift_g, shift_b = line[1, 0], line[1, 1], line[1, 2]
    for i in range(red.size):
        out[3 * i] = red[i] * scale_r + shift_r
        out[3 * i + 1] = green[i] * scale_g + shift_g
        out[3 * i + 2] = blue[i] * scale_b + shift_b


@_compiled
def jitter(planes: Bytes, order: npt.NDArray[np.int64], strength: Floats, line: Floats, out: Floats) -> None:
    """Change brightness (0), contrast (1), saturation (2) and hue (3) in the ``order`` given, then normalise.

    Args:
        planes: (3, n), red, green and blue; written over.
        order: (4,), each of them once.
        strength: (4,): factors of the first three, and the turn of hue, 1 = once round.
        line: (2, 3), what each colour is multiplied by in the end, and what is added.
        out: (n * 3,), pixel by pixel.
    """
    tile, count = np.empty((3, TILE), np.float32), planes.shape[1]
    turn = np.argmax(order == 1)
    mean = _change_before_contrast(planes, order[:turn], strength, tile)
    for begin in range(0, count, TILE):
        end = min(begin + TILE, count)
        colours = _part(tile, 0, end - begin)
        _copy(_part(planes, begin, end), colours)
        _change(colours, order[turn:], strength, mean)
        _normalize(colours, line, out[3 * begin : 3 * end])


@_compiled
def normalize_lines(lines: Bytes, scale: Floats, shift: Floats, out: Floats) -> None:
    """``out = lines * scale + shift``; lines and out (H, W * 3), scale and shift (W * 3,), the same for every line."""
    for y in range(lines.shape[0]):
        for x in range(scale.size):
            out[y, x] = np.float32(lines[y, x]) * scale[x] + shift[x]
