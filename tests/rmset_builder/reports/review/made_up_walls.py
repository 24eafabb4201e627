"""Made-up mashups: who is where from when to when, as rows of shards, and looks as vectors of known similarity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rmset_builder.reports.findings import Mending
from rmset_builder.reports.review.tracks import Faces

MENDING = Mending(Path("shards"), "wall")
SECOND = 25

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Track:
    """A face of one size in one place from frame ``first`` up to and with ``last``."""

    identity: int
    first: int
    last: int
    centre: tuple[float, float]
    size: float = 100
    sharpness: float = 50
    upright: bool = True


def faces_of(tracks: Sequence[Track]) -> Faces:
    """The rows of tracks, numbered as they come, in shard order."""
    rows = sorted(
        (frame, track.identity, number)
        for number, track in enumerate(tracks)
        for frame in range(track.first, track.last + 1)
    )
    own = [tracks[number] for _, _, number in rows]
    return Faces(
        frame=np.array([frame for frame, _, _ in rows], np.int32),
        identity=np.array([identity for _, identity, _ in rows], np.int32),
        track=np.array([number for _, _, number in rows], np.int32),
        bbox=np.array([_box(track) for track in own], np.float32).reshape(-1, 4),
        landmarks=np.array([_landmarks(track) for track in own], np.float32).reshape(-1, 10),
        sharpness=np.array([track.sharpness for track in own], np.float32),
    )


def wall(identities: Iterable[int], first: int, last: int, *, shift: int = 0) -> list[Track]:
    """A row of tiles 300 pixels wide, a face in each; ``shift``: everybody so many tiles on."""
    order = list(identities)
    return [
        Track(identity, first, last, (150 + 300 * ((place + shift) % len(order)), 150))
        for place, identity in enumerate(order)
    ]


def looks_alike(*similarities: float, dimensions: int = 8) -> npt.NDArray[np.float32]:
    """Unit vectors (n + 1, d): the first, and n others that have these cosine similarities with it."""
    found = np.zeros((len(similarities) + 1, dimensions), np.float32)
    found[0, 0] = 1
    for place, alike in enumerate(similarities, 1):
        found[place, 0], found[place, place] = alike, np.sqrt(1 - alike**2)
    return found


def _box(track: Track) -> tuple[float, float, float, float]:
    (x, y), half = track.centre, track.size / 2
    return x - half, y - half, x + half, y + half


def _landmarks(track: Track) -> list[float]:
    (x, y), step = track.centre, track.size / 4 * (1 if track.upright else -1)
    return [x - step, y - step, x + step, y - step, x, y, x - step, y + step, x + step, y + step]
