"""Faces made small: of a JPEG file only so much is decoded as a small picture needs."""

from __future__ import annotations

import io

from PIL import Image


def thumbnail(jpeg: bytes, size: int) -> Image.Image:
    """A face as a square RGB picture of ``size`` pixels.

    Raises:
        OSError: the bytes are no picture.
    """
    try:
        with Image.open(io.BytesIO(jpeg)) as face:
            # Lets the decoder skip detail that would be thrown away.
            face.draft("RGB", (size, size))
            return face.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
    except Image.DecompressionBombError as error:
        raise OSError(str(error)) from error
