"""Small grey copies of frames, to see what changes and whether a box still shows the same thing."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array

Grey = npt.NDArray[np.uint8]

LONGEST_SIDE = 320
_PATCH = 16


def thumbnail(frame: npt.NDArray[np.uint8]) -> Grey:
    """A grey copy of a BGRA frame (h, w, 4), its longest side 320 pixels."""
    height, width = frame.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGRA2GRAY))


def patches(grey: Grey, boxes: Array, *, frame_width: int) -> Array:
    """What each box shows, as unit vectors (n, 256): the product of two is their normalised correlation, -1..1.

    Args:
        grey: the frame's thumbnail.
        boxes: (n, 4) pixels of the full frame.
        frame_width: of the full frame.
    """
    scaled = boxes * (grey.shape[1] / frame_width)
    return _unit(np.array([_cut_out(grey, box).ravel() for box in scaled], np.uint8).reshape(-1, _PATCH * _PATCH))


def _cut_out(grey: Grey, box: Array) -> Grey:
    """A box of a thumbnail as a square of 16 pixels; what lies outside is as the picture's border.

    Corners are not rounded: a small face is some eight pixels wide here, and half a pixel more or less would make it
    unlike itself.
    """
    x0, y0, x1, y1 = box.tolist()
    finer = min(max(1, math.ceil(max(x1 - x0, y1 - y0) / _PATCH)), LONGEST_SIDE // _PATCH)
    side = _PATCH * finer
    across, down = (x1 - x0) / side, (y1 - y0) / side
    # OpenCV counts from the middle of a pixel.
    places = np.array([[across, 0, x0 + across / 2 - 0.5], [0, down, y0 + down / 2 - 0.5]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    square = cv2.warpAffine(grey, places, (side, side), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(square, (_PATCH, _PATCH), interpolation=cv2.INTER_AREA))


def _unit(rows: npt.NDArray[Any]) -> Array:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-6), np.float32)
