"""Which faces represent an identity on a contact sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.shards.layout import ShardFile


@dataclass(frozen=True)
class IdentityRow:
    """One person of a video: how often and how long they are seen, and which of the video's faces show them.

    ``seconds`` is 0 where all the video's faces are in one frame, which tells no time.
    ``picks`` are row numbers, counted through all shards of the video.
    """

    identity: int
    faces: int
    seconds: float
    picks: tuple[int, ...]


@dataclass(frozen=True)
class VideoPlan:
    """A video's part of the sheet: its shards, its counts, and a row for each identity that is shown."""

    video: str
    shards: tuple[ShardFile, ...] = ()
    faces: int = 0
    identities: int = 0
    rows: tuple[IdentityRow, ...] = ()


def plan_video(
    video: str,
    shards: tuple[ShardFile, ...],
    identity: npt.NDArray[np.int32],
    time_s: npt.NDArray[np.float64],
    *,
    columns: int,
    most_rows: int,
) -> VideoPlan:
    """Choose the faces of a video, given the identity and the time of each of its rows.

    Where there are more than ``most_rows`` identities, those with the most faces are shown.
    """
    numbers, counts = np.unique(identity, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:most_rows]
    spacing = frame_spacing(time_s)
    rows = []
    for index in sorted(most):
        places = np.flatnonzero(identity == numbers[index])
        picks = tuple(int(place) for place in places[spread(len(places), columns)])
        # Someone shown twice at once is on screen once.
        seconds = len(np.unique(time_s[places])) * spacing
        rows.append(IdentityRow(int(numbers[index]), len(places), seconds, picks))
    return VideoPlan(video, shards, len(identity), len(numbers), tuple(rows))


def spread(count: int, wanted: int) -> npt.NDArray[np.int64]:
    """At most ``wanted`` of ``count`` places: the middles of equal parts, so neither the first face nor the last.

    Example:
        >>> spread(100, 4).tolist(), spread(3, 12).tolist()
        ([12, 37, 62, 87], [0, 1, 2])
    """
    shown = min(count, wanted)
    return (2 * np.arange(shown, dtype=np.int64) + 1) * count // (2 * shown) if shown else np.empty(0, np.int64)


def frame_spacing(time_s: npt.NDArray[np.float64]) -> float:
    """The usual time from one frame with faces to the next, in seconds; 0 where all are in one frame."""
    moments = np.unique(time_s)
    return float(np.median(np.diff(moments))) if len(moments) > 1 else 0.0
