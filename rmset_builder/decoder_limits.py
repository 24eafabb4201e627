"""How large a picture may be that is decoded: a header of a few bytes may ask for any amount of memory."""

from __future__ import annotations

import os

MOST_PIXELS = 1 << 28
"""Of a picture: more than any camera's, less than a gigabyte."""

# OpenCV's own limit is four times that, and is read when it is imported.
_OPENCV = "OPENCV_IO_MAX_IMAGE_PIXELS"


def limit_decoders() -> None:
    """Have OpenCV refuse larger pictures, in this process and in those that it starts; before OpenCV is imported."""
    os.environ.setdefault(_OPENCV, str(MOST_PIXELS))


def refuse_large_jpeg(file: bytes | memoryview) -> None:
    """Look at a JPEG file's header before it is decoded.

    Raises:
        ValueError: it is no JPEG file, or of more than `MOST_PIXELS`.
    """
    import simplejpeg  # noqa: PLC0415  brings NumPy, which whoever imports the package need not want

    height, width, _, _ = simplejpeg.decode_jpeg_header(file)
    if height * width > MOST_PIXELS:
        raise ValueError(f"{width:,} x {height:,} pixels")
