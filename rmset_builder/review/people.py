"""The identities of a video as the page picks them: who is most alike whom, and which tracks each has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rmset_builder.core.errors import RmsetError
from rmset_builder.reports.exemplars import spread
from rmset_builder.reports.measures import FaceColumns, read_face_columns
from rmset_builder.review.moment import Moment
from rmset_builder.review.similar import by_similarity
from rmset_builder.shards.face_embeddings import read_means
from rmset_builder.site.served import key_of

_FACES_OF_TRACK = 4


@dataclass(frozen=True)
class Person:
    """An identity.

    Attributes:
        identity: its number.
        key: of the faces that it has, whatever its number: the same as long as no correction is about it.
        faces, tracks: how many it has.
        start_s, end_s: when it is first and last seen, seconds.
        row: a face of it, as its number among the video's rows.
    """

    identity: int
    key: str
    faces: int
    tracks: int
    start_s: float
    end_s: float
    row: int


@dataclass(frozen=True)
class Track:
    """A track of an identity: its first and last frame and moment, and a few of its faces, each with row and frame."""

    track: int
    first: int
    last: int
    start_s: float
    end_s: float
    faces: int
    shown: tuple[tuple[int, int], ...]


def people_of(shards: Path, at: Moment) -> tuple[tuple[Person, ...], list[int]]:
    """The identities of a video by number, and their numbers so that those who look alike are side by side.

    Raises:
        RmsetError: a shard cannot be read.
    """
    faces = read_face_columns(at.shards)
    people = tuple(
        Person(
            identity=number,
            key=key_of(faces, rows),
            faces=len(rows),
            tracks=len(np.unique(faces.track[rows])),
            start_s=float(faces.time_s[rows].min()),
            end_s=float(faces.time_s[rows].max()),
            row=int(rows[len(rows) // 2]),
        )
        for number, rows in _rows_by(faces.identity)
    )
    return people, _order(shards, at, len(people))


def tracks_of(at: Moment, identity: int) -> tuple[Track, ...]:
    """The tracks of an identity, in the order of their first frames.

    Raises:
        RmsetError: there is no such identity, or a shard cannot be read.
    """
    faces = read_face_columns(at.shards)
    own = np.flatnonzero(faces.identity == identity)
    if not len(own):
        raise RmsetError(f"no identity {identity} in {at.record.id}", remedy="load the page again")
    return tuple(sorted((_track(faces, number, own[rows]) for number, rows in _rows_by(faces.track[own])), key=_first))


def _track(faces: FaceColumns, number: int, rows: npt.NDArray[np.intp]) -> Track:
    shown = rows[spread(len(rows), _FACES_OF_TRACK)]
    return Track(
        track=number,
        first=int(faces.frame[rows[0]]),
        last=int(faces.frame[rows[-1]]),
        start_s=float(faces.time_s[rows[0]]),
        end_s=float(faces.time_s[rows[-1]]),
        faces=len(rows),
        shown=tuple(zip(shown.tolist(), faces.frame[shown].tolist(), strict=True)),
    )


def _first(track: Track) -> tuple[int, int]:
    return track.first, track.track


def _rows_by(numbers: npt.NDArray[np.int32]) -> list[tuple[int, npt.NDArray[np.intp]]]:
    """Each number with its rows, which keep their order."""
    order = np.argsort(numbers, kind="stable")
    found, starts = np.unique(numbers[order], return_index=True)
    return list(zip(found.tolist(), np.split(order, starts[1:]), strict=True)) if len(found) else []


def _order(shards: Path, at: Moment, people: int) -> list[int]:
    try:
        means = read_means(shards, at.record.id)
    except (OSError, pa.ArrowException):  # those who cannot be compared are shown all the same
        return list(range(people))
    return by_similarity(means) if len(means) == people else list(range(people))
