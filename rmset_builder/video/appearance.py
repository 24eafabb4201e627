"""Small grey copies of frames, to see what changes and whether a box still shows the same thing."""

from __future__ import annotations

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
    found = np.zeros((len(boxes), _PATCH * _PATCH), np.float32)
    if not len(boxes):
        return found
    height, width = grey.shape
    scaled = boxes * (width / frame_width)
    limit = np.array([width - 1, height - 1] * 2)
    low = np.clip(np.floor(scaled), 0, limit).astype(int)
    high = np.clip(np.ceil(scaled), 0, limit + 1).astype(int)
    for row, (x0, y0), (x1, y1) in zip(found, low[:, :2], high[:, 2:], strict=True):
        inner = grey[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        row[:] = _unit(cv2.resize(inner, (_PATCH, _PATCH), interpolation=cv2.INTER_AREA).ravel())
    return found


def _unit(values: npt.NDArray[Any]) -> Array:
    centred = values.astype(np.float32) - values.mean()
    return np.asarray(centred / (np.linalg.norm(centred) + 1e-6), np.float32)
