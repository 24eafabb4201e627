# ruff: noqa: PLW3301
"""Loops over pixels that OpenCV has not, or has slowly; compiled by numba to vector instructions, free of the GIL.

Largest and smallest of three are nested: numba compiles those of two to one instruction.
Colour planes are (n,) uint8, changed in place. Brightness, contrast and saturation give the very bytes that Pillow's
``ImageEnhance`` gives; hue is turned exactly and rounded once, where Pillow rounds hue, saturation and value first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Plane = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_ZERO, _HALF, _ONE, _FULL = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)
_TWO, _THREE, _FOUR, _FIVE, _SIX = (np.float32(n) for n in (2, 3, 4, 5, 6))
# Pillow's weights of red, green and blue, in 1/65536: their sums are below 2^24 and so exact in float32, whose
# multiplication is several times as fast as that of integers.
_RED, _GREEN, _BLUE = (np.float32(n / 65536) for n in (19595, 38470, 7471))

_compiled = njit(nogil=True, fastmath=True, cache=True)


@_compiled
def _mix(plane: Plane, other: Any, factor: Any) -> None:
    """``other + factor * (plane - other)``, cut to 0 .. 255 and truncated, as Pillow blends."""
    shift = other - factor * other
    for i in range(plane.size):
        plane[i] = np.uint8(min(_FULL, max(_ZERO, shift + factor * np.float32(plane[i]))))


@_compiled
def _mean_luma(red: Plane, green: Plane, blue: Plane) -> Any:
    total = np.int32(0)
    for i in range(red.size):
        r, g, b = np.float32(red[i]), np.float32(green[i]), np.float32(blue[i])
        total += np.int32(r * _RED + g * _GREEN + b * _BLUE + _HALF)
    return np.float32(np.int32(total / red.size + 0.5))


@_compiled
def _saturate(red: Plane, green: Plane, blue: Plane, factor: Any) -> None:
    rest = _ONE - factor
    for i in range(red.size):
        r, g, b = np.float32(red[i]), np.float32(green[i]), np.float32(blue[i])
        gray = rest * np.float32(np.int32(r * _RED + g * _GREEN + b * _BLUE + _HALF))
        red[i] = np.uint8(min(_FULL, max(_ZERO, gray + factor * r)))
        green[i] = np.uint8(min(_FULL, max(_ZERO, gray + factor * g)))
        blue[i] = np.uint8(min(_FULL, max(_ZERO, gray + factor * b)))


@_compiled
def _turn_hue(red: Plane, green: Plane, blue: Plane, shift: Any) -> None:
    """Turn by ``shift`` sixths of the circle, -1 < shift < 1.

    With hue and the ramps of HSV multiplied by the chroma (largest minus smallest channel) nothing has to be divided:
    a channel is largest - clamp(min(k, 4 - k), 0, 1) * chroma, k = (n + hue) mod 6, n = 5, 3, 1.
    """
    for i in range(red.size):
        r, g, b = np.float32(red[i]), np.float32(green[i]), np.float32(blue[i])
        high, low = max(max(r, g), b), min(min(r, g), b)
        chroma = high - low
        hue = r - g + _FOUR * chroma
        if g == high:
            hue = b - r + _TWO * chroma
        if r == high:
            hue = g - b
        hue += shift * chroma
        circle, top = _SIX * chroma, _FOUR * chroma
        k = hue + _FIVE * chroma
        k = k - circle if k >= circle else k
        red[i] = np.uint8(high - max(_ZERO, min(min(k, top - k), chroma)) + _HALF)
        k = hue + _THREE * chroma
        k = k - circle if k >= circle else k
        green[i] = np.uint8(high - max(_ZERO, min(min(k, top - k), chroma)) + _HALF)
        k = hue + chroma
        k = k - circle if k >= circle else k
        k = k + circle if k < _ZERO else k
        blue[i] = np.uint8(high - max(_ZERO, min(min(k, top - k), chroma)) + _HALF)


@_compiled
def jitter(red: Plane, green: Plane, blue: Plane, order: npt.NDArray[np.int64], strength: Floats) -> None:
    """Change brightness (0), contrast (1), saturation (2) and hue (3) in the ``order`` given.

    ``strength`` (4,) float32: factors of the first three, and the turn of hue, 1 = once round.
    """
    for which in order:
        if which == 0:
            for plane in (red, green, blue):
                _mix(plane, _ZERO, strength[0])
        elif which == 1:
            mean = _mean_luma(red, green, blue)
            for plane in (red, green, blue):
                _mix(plane, mean, strength[1])
        elif which == 2:
            _saturate(red, green, blue, strength[2])
        else:
            _turn_hue(red, green, blue, strength[3] * _SIX)


@_compiled
def normalize_lines(lines: Plane, scale: Floats, shift: Floats, out: Floats) -> None:
    """``out = lines * scale + shift``; lines and out (H, W * 3), scale and shift (W * 3,), the same for every line."""
    for y in range(lines.shape[0]):
        for x in range(scale.size):
            out[y, x] = np.float32(lines[y, x]) * scale[x] + shift[x]
