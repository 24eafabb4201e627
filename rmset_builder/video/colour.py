"""From a decoder's brightness and colour planes to pictures, without a pass through ffmpeg's slower converter."""

from __future__ import annotations

import enum
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

# Luma weights of red and blue.
_BT601, _BT709 = (0.299, 0.114), (0.2126, 0.0722)


class ColourMatrix(enum.Enum):
    """How brightness and colour planes (Y, Cb, Cr) of limited range encode red, green and blue."""

    BT601 = "bt601"
    BT709 = "bt709"


def pgmyuv_to_bgra(planes: Bytes, matrix: ColourMatrix, out: Bytes) -> None:
    """Convert a picture as ffmpeg's encoder ``pgmyuv`` lays it out; ``planes`` is written over.

    Args:
        planes: (height * 3 / 2, width): the Y plane, then a row of Cb beside a row of Cr for each two rows of it.
            Height and width are even.
        matrix: what the planes mean.
        out: (height, width, 4) blue, green, red and 255.
    """
    height, width = out.shape[:2]
    luma, chroma = planes[:height], planes[height:]
    chroma[:] = chroma.reshape(height // 2, 2, width // 2).transpose(1, 0, 2).reshape(chroma.shape)
    if matrix is ColourMatrix.BT709:
        _recode(luma, *chroma.reshape(2, height // 2, width // 2))
    # OpenCV knows this one matrix alone.
    cv2.cvtColor(planes, cv2.COLOR_YUV2BGRA_I420, dst=out)


def _recode(luma: Bytes, cb: Bytes, cr: Bytes) -> None:
    """Let planes that were made with the BT.709 matrix mean the same with that of BT.601, in place."""
    (_, y_cb, y_cr), (_, cb_cb, cb_cr), (_, cr_cb, cr_cr) = _RECODING
    shift = cv2.addWeighted(cb, y_cb, cr, y_cr, 128 * (1 - y_cb - y_cr))
    shift = cv2.resize(shift, luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
    cv2.addWeighted(luma, 1, shift, 1, -128, dst=luma)
    new_cb = cv2.addWeighted(cb, cb_cb, cr, cb_cr, 128 * (1 - cb_cb - cb_cr))
    cv2.addWeighted(cb, cr_cb, cr, cr_cr, 128 * (1 - cr_cb - cr_cr), dst=cr)
    cb[:] = new_cb


def _from_rgb(weights: tuple[float, float]) -> npt.NDArray[np.float64]:
    """The matrix from red, green, blue in 0..1 to Y in 0..219 and Cb, Cr in -112..112 (limited range, 8 bit)."""
    red, blue = weights
    luma = np.array([red, 1 - red - blue, blue])
    cb = (np.array([0, 0, 1]) - luma) / (1 - blue) / 2
    cr = (np.array([1, 0, 0]) - luma) / (1 - red) / 2
    return np.stack([219 * luma, 224 * cb, 224 * cr])


_RECODING: Any = (_from_rgb(_BT601) @ np.linalg.inv(_from_rgb(_BT709))).tolist()
