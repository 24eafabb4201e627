"""A picture within one of another shape."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]

_BLACK = (0, 0, 0, 255)


def letterbox(picture: Frame, out: Frame) -> None:
    """Scale ``picture`` into the middle of ``out`` without distortion, black where its shape leaves room; both BGRA."""
    height, width = out.shape[:2]
    scale = min(height / picture.shape[0], width / picture.shape[1])
    inner_height, inner_width = (max(1, round(side * scale)) for side in picture.shape[:2])
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    out[:] = _BLACK
    inside = out[top : top + inner_height, left : left + inner_width]
    inside[:] = cv2.resize(picture, (inner_width, inner_height), interpolation=cv2.INTER_AREA)
