"""What a video's narrow columns say of it: how faces are distributed, who is seen when, and where in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.reader import read_columns, telling
from rmset_builder.shards.schema import COLUMNS

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

COVERAGE_CELLS = 48
"""Cells along the longer side of the map of where faces were."""


@dataclass(frozen=True)
class Scale:
    """How a quantity is counted in bins: bin i holds ``edges[i] <= value < edges[i + 1]``, the last one all above.

    ``unit`` is what a value is in; of whole numbers (``whole``) each bin but the last is one number.
    """

    title: str
    unit: str
    edges: tuple[float, ...]
    whole: bool = False

    def count(self, values: npt.NDArray[np.generic]) -> Ints:
        """How many ``values`` (n,) fall in each bin, (bins,); what is less than the first edge falls in the first.

        Example:
            >>> Scale("", "px", (0, 10, 20)).count(np.array([5, 10, 99])).tolist()
            [1, 1, 1]
        """
        bins = np.searchsorted(self.edges, values, side="right") - 1
        return np.bincount(np.clip(bins, 0, None), minlength=len(self.edges)).astype(np.int64)


SCALES = {
    "faces_per_frame": Scale("Faces per frame", "faces", tuple(range(51)), whole=True),
    "side": Scale("Size of a face", "px", (0, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)),
    "sharpness": Scale("Sharpness", "", (0, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)),
    "det_score": Scale("Detector's score", "", tuple(n / 20 for n in range(20))),
    "seconds": Scale("Time on screen of an identity", "s", (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)),
}


@dataclass(frozen=True)
class FaceColumns:
    """The narrow columns of all rows of a video, in their order: (n,), boxes (n, 4) in pixels."""

    frame: npt.NDArray[np.int32]
    identity: npt.NDArray[np.int32]
    track: npt.NDArray[np.int32]
    time_s: Floats
    boxes: npt.NDArray[np.float32]
    det_score: npt.NDArray[np.float32]
    sharpness: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def sides(self) -> Floats:
        """The side of a square as large as each box, pixels."""
        width, height = (self.boxes[:, 2:] - self.boxes[:, :2]).astype(np.float64).T
        sides: Floats = np.sqrt(np.clip(width, 0, None) * np.clip(height, 0, None))
        return sides


_NAMES = ("frame", "identity", "track", "time_s", "bbox", "det_score", "sharpness")


def _no_rows(name: str) -> npt.NDArray[Any]:
    return np.empty((0, 4) if name == "bbox" else 0, COLUMNS[name].kind.dtype)


def read_face_columns(shards: Sequence[ShardFile]) -> FaceColumns:
    """The narrow columns of a video's ``shards``; no picture is read.

    Raises:
        RmsetError: a shard is damaged, or has times or boxes that are no numbers.
    """
    parts = [tuple(map(_no_rows, _NAMES))]
    for shard in shards:
        with telling(shard):
            parts.append(read_columns(shard.path, *_NAMES))
        if not all(np.isfinite(column).all() for column in parts[-1]):
            raise RmsetError(f"{shard.path} has values that are no numbers", remedy="see: rmset verify")
    return FaceColumns(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def distributions(faces: FaceColumns, frames: int, spacing: float) -> dict[str, Ints]:
    """How often each bin of `SCALES` is met, by the scale's name.

    Args:
        faces: of a video.
        frames: how many frames it has, with those without faces.
        spacing: how long a frame is shown, seconds.
    """
    _, per_frame = np.unique(faces.frame, return_counts=True)
    values = {
        "faces_per_frame": np.concatenate([per_frame, np.zeros(max(0, frames - len(per_frame)), np.int64)]),
        "side": faces.sides,
        "sharpness": faces.sharpness,
        "det_score": faces.det_score,
        "seconds": seconds_on_screen(faces, spacing),
    }
    return {name: scale.count(values[name]) for name, scale in SCALES.items()}


def seconds_on_screen(faces: FaceColumns, spacing: float) -> Floats:
    """How long each identity is seen, seconds, (identities,); somebody shown twice at once is on screen once.

    Args:
        faces: of a video.
        spacing: how long a frame is shown, seconds.
    """
    order = np.lexsort((faces.frame, faces.identity))
    identity, frame = faces.identity[order], faces.frame[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (np.diff(identity) != 0) | (np.diff(frame) != 0)
    _, frames = np.unique(identity[new], return_counts=True)
    return np.multiply(frames, spacing, dtype=np.float64)


def appearances(faces: FaceColumns, spacing: float) -> dict[int, list[tuple[float, float]]]:
    """When each identity is seen: the start and the end in seconds of each of its tracks, by start.

    Args:
        faces: of a video.
        spacing: how long a frame is shown, seconds.
    """
    order = np.lexsort((faces.time_s, faces.track, faces.identity))
    identity, track, time_s = faces.identity[order], faces.track[order], faces.time_s[order]
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (np.diff(identity) != 0) | (np.diff(track) != 0)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(order))[: len(first)] - 1
    found: dict[int, list[tuple[float, float]]] = {}
    for who, start, end in zip(identity[first].tolist(), time_s[first], time_s[last] + spacing, strict=True):
        found.setdefault(who, []).append((float(start), float(end)))
    return {who: sorted(spans) for who, spans in found.items()}


def coverage(boxes: npt.NDArray[np.float32], width: int, height: int) -> Ints:
    """How many boxes reach into each cell of a picture, (rows, columns).

    The longer side has `COVERAGE_CELLS` cells, the other so many that they are about square.

    Args:
        boxes: (n, 4), pixels; what lies outside the picture is not counted.
        width: of the picture, pixels, at least 1.
        height: likewise.
    """
    longer = max(width, height)
    columns, rows = (max(1, round(COVERAGE_CELLS * side / longer)) for side in (width, height))
    scale = np.array([columns / width, rows / height] * 2)
    x0, y0, x1, y1 = (boxes * scale).T
    left, top = (np.clip(np.floor(edge), 0, most).astype(np.int64) for edge, most in ((x0, columns), (y0, rows)))
    right, bottom = (np.clip(np.ceil(edge), 0, most).astype(np.int64) for edge, most in ((x1, columns), (y1, rows)))
    inside = (left < right) & (top < bottom)
    left, top, right, bottom = (edge[inside] for edge in (left, top, right, bottom))
    # Each box adds 1 at its first corner and takes it away behind its last ones; running sums fill in the rest.
    steps = np.zeros((rows + 1, columns + 1), np.int64)
    for y, x, step in ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)):
        np.add.at(steps, (y, x), step)
    return steps.cumsum(0).cumsum(1)[:rows, :columns]
