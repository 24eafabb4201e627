"""A video's tracks as arrays: who, when, where, how large, beside whom. All rules of the review list go by these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Floats, areas
from rmset_builder.tracking.tracker import MOSTLY

Ints = npt.NDArray[np.integer[Any]]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Faces:
    """Rows of a video's shards that the rules need, for n rows in shard order.

    Shapes: ``frame``, ``identity``, ``track`` (n,) int32; ``bbox`` (n, 4) and ``landmarks`` (n, 10) in pixels;
    ``sharpness`` (n,).
    """

    frame: Ints
    identity: Ints
    track: Ints
    bbox: Floats
    landmarks: Floats
    sharpness: Floats


@dataclass(frozen=True, kw_only=True)
class Tracks:
    """The tracks of a video, n of them in the order of their numbers.

    Attributes:
        number: (n,) as the shards have it.
        identity: (n,) whose each is.
        faces: (n,) number of its rows.
        first: (n,) its first frame.
        last: (n,) its last one.
        box: (n, 4) mean of its boxes, pixels.
        size: (n,) mean of the square roots of their areas, pixels.
        sharpness: (n,) mean.
        upside_down: (n,) share of its faces whose eyes lie below the mouth, 0..1.
        beside: (p, 2) places of two tracks that were seen in one frame as two faces, the smaller one first.
        frames_beside: (p,) in how many frames.
    """

    number: Ints
    identity: Ints
    faces: Ints
    first: Ints
    last: Ints
    box: Floats
    size: Floats
    sharpness: Floats
    upside_down: Floats
    beside: Places
    frames_beside: Ints

    def __len__(self) -> int:
        return len(self.number)

    def of(self, identity: int) -> Places:
        """The places of an identity's tracks."""
        return np.flatnonzero(self.identity == identity)

    def frames_of_two(self, one: Places, other: Places) -> int:
        """In how many frames tracks of ``one`` and of ``other`` were seen side by side, each pair of tracks counted."""
        in_one, in_other = np.isin(self.beside, one), np.isin(self.beside, other)
        crossing = (in_one[:, 0] & in_other[:, 1]) | (in_one[:, 1] & in_other[:, 0])
        return int(self.frames_beside[crossing].sum())


def tracks_of(faces: Faces) -> Tracks:
    """The tracks that a video's rows make up."""
    number, place, count = np.unique(faces.track, return_inverse=True, return_counts=True)
    by_track = np.argsort(place, kind="stable")
    starts = np.cumsum(count) - count

    def mean(values: Floats) -> Floats:
        sums = np.add.reduceat(np.asarray(values, np.float64)[by_track], starts, axis=0) if len(count) else values
        return np.asarray((sums.T / count).T)

    eyes, mouth = faces.landmarks[:, [1, 3]].mean(axis=1), faces.landmarks[:, [7, 9]].mean(axis=1)
    ends = by_track[starts], by_track[starts + count - 1]
    beside, frames_beside = _side_by_side(faces.frame, place, faces.bbox)
    return Tracks(
        number=number,
        identity=faces.identity[ends[0]],
        faces=count,
        first=faces.frame[ends[0]],
        last=faces.frame[ends[1]],
        box=mean(faces.bbox),
        size=mean(np.sqrt(areas(faces.bbox))),
        sharpness=mean(faces.sharpness),
        upside_down=mean(eyes > mouth),
        beside=beside,
        frames_beside=frames_beside,
    )


def _side_by_side(frame: Ints, track: Places, boxes: Floats) -> tuple[Places, Ints]:
    """Pairs of tracks that were seen in one frame at different places, (p, 2), and in how many frames, (p,)."""
    count = int(track.max()) + 1 if len(track) else 0
    left, top, right, bottom = np.ascontiguousarray(boxes.T)
    size = areas(boxes)
    found = []
    # Each row with the one after it, then with the second after it, and so on: pictures are small, videos are long.
    for step in range(1, len(frame)):
        together = frame[:-step] == frame[step:]
        if not together.any():
            break
        width = np.minimum(right[:-step], right[step:]) - np.maximum(left[:-step], left[step:])
        height = np.minimum(bottom[:-step], bottom[step:]) - np.maximum(top[:-step], top[step:])
        shared = np.clip(width, 0, None) * np.clip(height, 0, None)
        # Neither lies mostly on the other, else they are one face.
        apart = shared < MOSTLY * np.minimum(size[:-step], size[step:])
        here = np.flatnonzero(together & apart & (track[:-step] != track[step:]))
        one, other = track[here], track[here + step]
        found.append(np.minimum(one, other) * count + np.maximum(one, other))
    pairs, frames = np.unique(np.concatenate(found) if found else np.empty(0, np.intp), return_counts=True)
    return np.stack(np.divmod(pairs, max(count, 1)), axis=1), frames
