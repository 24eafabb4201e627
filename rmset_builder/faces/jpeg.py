"""Aligned faces as JPEG pictures, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simplejpeg

from rmset_builder.core.geometry import Array
from rmset_builder.decoder_limits import refuse_large_jpeg
from rmset_builder.faces.align import aligned_faces, sharpness
from rmset_builder.video.decode import Frame


@dataclass(frozen=True)
class EncodedFaces:
    """JPEG pictures of faces and their sharpness (n,)."""

    pictures: list[bytes]
    sharpness: list[float]


def encode_faces(frame: Frame, landmarks: Array, *, side: int, quality: int) -> EncodedFaces:
    """Aligned JPEG pictures of the faces of one BGRA frame, ``landmarks`` (n, 10) pixels."""
    # One face after the other: each is still in the core's cache when it is encoded.
    done = [(encode_jpeg(face, quality), sharpness(face)) for face in aligned_faces(frame, landmarks, side=side)]
    return EncodedFaces([picture for picture, _ in done], [sharp for _, sharp in done])


def encode_jpeg(picture: Frame, quality: int) -> bytes:
    """A BGRA picture as a JPEG file, colour at half size."""
    data: bytes = simplejpeg.encode_jpeg(
        picture, quality=quality, colorspace="BGRA", colorsubsampling="420", fastdct=False
    )
    return data


def decode_jpeg(data: bytes) -> Frame:
    """An RGB picture (h, w, 3) from a JPEG file.

    Raises:
        ValueError: it is none, or too large.
    """
    refuse_large_jpeg(data)
    return np.asarray(simplejpeg.decode_jpeg(data, colorspace="RGB"), np.uint8)
