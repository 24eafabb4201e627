"""Faces told so that they are found again: exactly in the same extraction, by place and time in any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import iou_matrix
from rmset_builder.corrections.faces import VideoFaces
from rmset_builder.corrections.record import Correction, Piece, Seen

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

# Places that are noted of a piece, and how much a box must cover one to be the same face.
_NOTED = 8
_SAME_PLACE = 0.5
# A face seen at another time than this, in seconds, is another: less than half a frame at 60 frames a second.
_SAME_TIME_S = 0.008


def runs(key: npt.NDArray[np.integer]) -> Iterable[slice]:
    """The stretches of equal values."""
    starts = np.flatnonzero(np.r_[True, np.diff(key) != 0]) if len(key) else np.empty(0, np.intp)
    return (slice(start, stop) for start, stop in zip(starts, [*starts[1:], len(key)], strict=True))


def describe(faces: VideoFaces, chosen: Mask) -> tuple[Piece, ...]:
    """The ``chosen`` (n,) faces as pieces of tracks, in the order of tracks."""
    order = np.lexsort((faces.frame, faces.track))
    found = []
    # Within a track two numbers for what is chosen and what is not, so that runs end where either changes.
    for run in runs(2 * faces.track[order].astype(np.int64) + chosen[order]):
        rows = order[run]
        if chosen[rows[0]]:
            noted = rows[np.unique(np.linspace(0, len(rows) - 1, min(_NOTED, len(rows))).round().astype(np.intp))]
            seen = tuple(_seen(faces, row) for row in noted)
            first, last = (int(faces.frame[row]) for row in (rows[0], rows[-1]))
            found.append(Piece(int(faces.track[rows[0]]), first, last, len(rows), seen))
    return tuple(found)


def _seen(faces: VideoFaces, row: int) -> Seen:
    x0, y0, x1, y1 = faces.box[row].tolist()
    return Seen(int(faces.frame[row]), float(faces.time_s[row]), (x0, y0, x1, y1))


def same_faces(faces: VideoFaces, pieces: Sequence[Piece]) -> Mask | None:
    """The faces (n,) of ``pieces``, if each is there just as it was; None if not."""
    chosen = np.zeros(len(faces), np.bool_)
    order = np.argsort(faces.track, kind="stable")  # by frame within a track
    tracks = faces.track[order]
    for piece in pieces:
        rows = order[np.searchsorted(tracks, piece.track) : np.searchsorted(tracks, piece.track, "right")]
        frame = faces.frame[rows]
        rows = rows[(frame >= piece.first) & (frame <= piece.last)]
        place = np.searchsorted(faces.frame[rows], [one.frame for one in piece.seen])
        if len(rows) != piece.faces or (place >= len(rows)).any():
            return None
        noted = rows[place]
        boxes = np.asarray([one.box for one in piece.seen], np.float32).reshape(-1, 4)
        if (faces.frame[noted] != [one.frame for one in piece.seen]).any() or (faces.box[noted] != boxes).any():
            return None
        chosen[rows] = True
    return chosen


@dataclass(frozen=True)
class Found:
    """The faces ``rows`` (k,) that lie where some of a group were seen, of ``noted`` places."""

    rows: Rows
    noted: int

    def owner(self, person: npt.NDArray[np.integer]) -> int | None:
        """The person of most of them; None where that is not clear: less than half, or hardly a place found.

        Args:
            person: (n,) whose each face is; negative ones are nobody's.
        """
        owners = person[self.rows]
        owners = owners[owners >= 0]
        if 4 * len(owners) < self.noted or not len(owners):
            return None
        number, count = np.unique(owners, return_counts=True)
        return int(number[count.argmax()]) if 2 * count.max() > len(owners) else None


def find_group(faces: VideoFaces, pieces: Iterable[Piece], correction: Correction, size: tuple[int, int]) -> Found:
    """The faces at the places and times of a group of a correction, whatever tracks they are in.

    Args:
        faces: of another extraction of the same video.
        pieces: the group.
        correction: it tells the size of the picture that its boxes lie in.
        size: width and height that those of ``faces`` lie in; (0, 0) if they are not known.
    """
    noted = [one for piece in pieces for one in piece.seen]
    known = min(*size, correction.width, correction.height) > 0
    scale = np.array(size, np.float64) / (correction.width, correction.height) if known else np.ones(2)
    order = np.argsort(faces.time_s, kind="stable")
    times = faces.time_s[order]
    found = []
    for one in noted:
        early, late = np.searchsorted(times, [one.time_s - _SAME_TIME_S, one.time_s + _SAME_TIME_S])
        rows = order[early:late]
        if len(rows):
            box = np.asarray(one.box).reshape(2, 2) * scale
            overlap = iou_matrix(box.reshape(1, 4), faces.box[rows].astype(np.float64))[0]
            if overlap.max() > _SAME_PLACE:
                found.append(rows[overlap.argmax()])
    return Found(np.array(found, np.intp), len(noted))
