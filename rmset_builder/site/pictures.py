"""The faces of a page: read once, made small, blurred where they are to be, and put together into few JPEG files."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from rmset_builder.drawing.people import blurred
from rmset_builder.reports.thumbnails import thumbnail
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.reader import read_images, telling

Pixels = npt.NDArray[np.uint8]

_QUALITY = 80
# What is left of a line that has fewer faces than the longest.
_EMPTY = (128, 128, 128)


def small_faces(shards: Sequence[ShardFile], rows: Collection[int], size: int, *, blur: bool) -> dict[int, Pixels]:
    """Chosen faces of a video as small pictures, by their row.

    Only the row groups are read that hold one.

    Args:
        shards: of the video, in order.
        rows: numbers of rows, counted through all of its shards.
        size: the side of the pictures, pixels.
        blur: leave a few blots of colour of each face, out of which nothing comes back.

    Returns:
        RGB pictures (size, size, 3).

    Raises:
        RmsetError: a shard is damaged, or a picture is none.
    """
    found: dict[int, Pixels] = {}
    first = 0  # the number of the shard's first row
    for shard in shards:
        count, _ = read_metadata(shard.path)
        own = [row - first for row in rows if first <= row < first + count]
        with telling(shard):
            for row, jpeg in read_images(shard.path, own):
                face = np.asarray(thumbnail(jpeg, size))
                found[first + row] = _blurred(face) if blur else face
        first += count
    return found


def _blurred(face: Pixels) -> Pixels:
    height, width = face.shape[:2]
    return blurred(face, np.array([[0, 0, width, height]], np.float32))


def sprite(faces: Mapping[int, Pixels], lines: Sequence[Sequence[int]], size: int) -> bytes:
    """Faces as one JPEG file: each line of row numbers is a line of square pictures of ``size`` pixels."""
    sheet = Image.new("RGB", (max(map(len, lines)) * size, len(lines) * size), _EMPTY)
    for y, line in enumerate(lines):
        for x, row in enumerate(line):
            face = Image.fromarray(faces[row])
            if face.width != size:
                face = face.resize((size, size), Image.Resampling.LANCZOS)
            sheet.paste(face, (x * size, y * size))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()


def data_address(jpeg: bytes) -> str:
    """A picture as an address that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
