"""Near-duplicate uploads: thumbnails that look alike, on videos of the same length."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable

from rmset_builder.fetching.catalog import FETCHED, FOUND, Video

# Re-encoding a thumbnail changes one or two of 64 bits; of unrelated ones, half differ.
MOST_BITS = 6
MOST_SECONDS = 1.0
_SIDE = 8


def difference_hash(content: bytes) -> str:
    """Difference hash: 64 bits, set where a picture brightens from left to right, as 16 hexadecimal digits.

    Empty where the bytes are no picture, or one without structure, which would be like any other such.
    """
    from PIL import Image  # noqa: PLC0415  not needed by a run with nothing to do

    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.draft("L", (_SIDE * 8, _SIDE * 8))
            small = picture.convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""
    rows = [small.tobytes()[row * (_SIDE + 1) : (row + 1) * (_SIDE + 1)] for row in range(_SIDE)]
    bits = [left < right for row in rows for left, right in itertools.pairwise(row)]
    if sum(bits) < _SIDE // 2:
        return ""
    return f"{int(''.join('01'[bit] for bit in bits), 2):016x}"


def alike(one: str, other: str) -> bool:
    """Whether two difference hashes are of the same picture, as far as such hashes can tell."""
    return bool(one and other) and (int(one, 16) ^ int(other, 16)).bit_count() <= MOST_BITS


def near_duplicate(video: Video, others: Iterable[Video]) -> str:
    """The id of the first of ``others`` that seems to be an upload of the same video; empty where none does.

    Two files of the same bytes are; else it takes the same length, to the second, and like thumbnails.
    """
    for other in others:
        if other.id == video.id or other.state not in (FETCHED, FOUND) or other.near_duplicate_of:
            continue
        if video.sha256 and video.sha256 == other.sha256:
            return other.id
        if video.duration_s is None or other.duration_s is None:
            continue
        same_length = abs(video.duration_s - other.duration_s) <= MOST_SECONDS
        if same_length and alike(video.thumbnail_hash, other.thumbnail_hash):
            return other.id
    return ""
