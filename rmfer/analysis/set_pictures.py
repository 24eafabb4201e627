"""The pictures of an anchor set of shards."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import simplejpeg

from rmfer.errors import ShardError
from rmfer.shards import AnchorSet, ImageReader
from rmset_builder.decoder_limits import refuse_large_jpeg


def pictures_of(reader: ImageReader, drawn: AnchorSet) -> list[npt.NDArray[np.uint8]]:
    """(H, W, 3) RGB of every face of a set: the anchor, the positives, the negatives.

    Raises:
        ShardError: one cannot be read.
    """
    found = []
    for row, file in zip(drawn.rows.tolist(), reader.read_many(drawn.rows), strict=True):
        if isinstance(file, ShardError):
            raise file
        try:
            refuse_large_jpeg(file)
            found.append(simplejpeg.decode_jpeg(file, colorspace="RGB"))
        except ValueError as error:
            raise reader.fault(row, f"its picture cannot be decoded ({error})") from error
    return found
