"""The pictures of an anchor set of shards."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import simplejpeg

from rmfer.errors import ShardError
from rmfer.shards import AnchorSet, ImageReader


def pictures_of(reader: ImageReader, drawn: AnchorSet) -> list[npt.NDArray[np.uint8]]:
    """(H, W, 3) RGB of every face of a set: the anchor, the positives, the negatives.

    Raises:
        ShardError: one cannot be read.
    """
    found = []
    for file in reader.read_many(drawn.rows):
        if isinstance(file, ShardError):
            raise file
        found.append(simplejpeg.decode_jpeg(file, colorspace="RGB"))
    return found
