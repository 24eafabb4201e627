"""From five landmarks to an upright face of one size, and how sharp it is."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array, similarity_transform

Image = npt.NDArray[np.uint8]

# Where ArcFace wants left eye, right eye, nose, left and right mouth corner in a face of 112 x 112 pixels.
ARCFACE_SIDE = 112
ARCFACE_TEMPLATE: Array = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
# Added on every side, as a share of the ArcFace crop's side, so that brows, chin and an open mouth stay inside.
MARGIN = 0.125


def template(side: int, margin: float = MARGIN) -> Array:
    """The five template points (5, 2) in an aligned face of ``side`` pixels with ``margin`` around the ArcFace crop."""
    return ((ARCFACE_TEMPLATE / ARCFACE_SIDE + margin) / (1 + 2 * margin) * side).astype(np.float32)


def aligned_faces(picture: Image, landmarks: Array, *, side: int, margin: float = MARGIN) -> Iterator[Image]:
    """One after the other the faces with ``landmarks`` (n, 10) as pictures (side, side, channels).

    What lies outside is black. OpenCV warps four channels in less than half the time that it needs for three.
    """
    for matrix in similarity_transform(landmarks.reshape(-1, 5, 2), template(side, margin)):
        yield np.asarray(cv2.warpAffine(picture, matrix, (side, side)), np.uint8)


def align_face(picture: Image, landmarks: Array, *, side: int, margin: float = MARGIN) -> Image:
    """The one face with ``landmarks`` (10,), as :func:`aligned_faces` gives it."""
    return next(aligned_faces(picture, landmarks[None], side=side, margin=margin))


def arcface_crop(aligned: Image, margin: float = MARGIN) -> Image:
    """The (112, 112, 3) face that ArcFace was trained on, cut out of an aligned face."""
    side = aligned.shape[0]
    scale = ARCFACE_SIDE * (1 + 2 * margin) / side
    # warpAffine would alias when it shrinks; resizing by area does not, and the crop is axis-parallel.
    inset = round(side * margin / (1 + 2 * margin))
    inner = aligned[inset : side - inset, inset : side - inset]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inner, (ARCFACE_SIDE, ARCFACE_SIDE), interpolation=method))


def sharpness(aligned: Image) -> float:
    """Variance of the Laplacian of a BGRA face's luma: higher is sharper."""
    return sharpness_of_luma(np.asarray(cv2.cvtColor(aligned, cv2.COLOR_BGRA2GRAY)))


def sharpness_of_luma(luma: Image) -> float:
    """The same of a face's luma (h, w)."""
    edges = cv2.Laplacian(luma, cv2.CV_16S)
    mean = cv2.sumElems(edges)[0] / edges.size
    return float(cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - mean * mean)
