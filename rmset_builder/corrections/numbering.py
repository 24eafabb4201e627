"""The numbers that identities and tracks have in corrected shards: those that an extraction would have given them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rmset_builder.corrections.faces import NOBODY, VideoFaces
from rmset_builder.corrections.pieces import runs
from rmset_builder.corrections.record import Correction
from rmset_builder.corrections.replay import Applied, People, people_after, replay
from rmset_builder.identity.appearance import in_order_of_appearance
from rmset_builder.shards.as_extracted import AsExtracted
from rmset_builder.shards.schema import Int32s


@dataclass(frozen=True)
class Numbers:
    """Identity and track (n,) int32 of each face of a video; NOBODY for those that are left out."""

    identity: Int32s
    track: Int32s

    @property
    def identities(self) -> int:
        """How many there are."""
        return int(self.identity.max(initial=NOBODY)) + 1

    @property
    def tracks(self) -> int:
        """How many there are; a track that was taken down leaves its number unused."""
        return len(np.unique(self.track[self.track != NOBODY]))


def number(faces: VideoFaces, people: People) -> Numbers:
    """Number people and their tracks without gaps, in the order of their first appearance.

    A track that holds more than one person is cut where they change. Where everybody is who was extracted, numbers are
    those of extraction.
    """
    there = people != NOBODY
    if (people == faces.identity).all():
        # Somebody who was taken down leaves no gap.
        ranks = np.unique(faces.identity, return_inverse=True)[1]
        return Numbers(ranks.astype(np.int32), faces.track)
    pieces = np.empty(len(faces), np.int64)
    order = np.lexsort((faces.frame, faces.track))
    for piece, run in enumerate(runs(_changes(faces.track[order], people[order]))):
        pieces[order[run]] = piece
    identity, track = (np.full(len(faces), NOBODY, np.int32) for _ in range(2))
    frame = faces.frame[there]
    identity[there] = in_order_of_appearance(frame, faces.box[there, 0], people[there])
    track[there] = in_order_of_appearance(frame, identity[there], pieces[there])
    return Numbers(identity, track)


def _changes(track: Int32s, people: People) -> People:
    """A number that changes wherever ``track`` or ``people`` does."""
    return np.cumsum(np.r_[0, (np.diff(track) != 0) | (np.diff(people) != 0)])


def replayed(
    faces: VideoFaces, corrections: Iterable[Correction], size: tuple[int, int]
) -> tuple[list[Applied], Numbers]:
    """What becomes of each of ``corrections``, and the numbers that all of them lead to: see `replay`."""
    applied = replay(faces, corrections, size)
    return applied, number(faces, people_after(faces, applied))


def before(faces: VideoFaces, numbers: Numbers) -> AsExtracted:
    """What each of the tracks was when it was extracted."""
    count = int(numbers.track.max(initial=NOBODY)) + 1
    track, identity = (np.full(count, NOBODY, np.int32) for _ in range(2))
    there = numbers.track != NOBODY
    track[numbers.track[there]] = faces.track[there]
    identity[numbers.track[there]] = faces.identity[there]
    return AsExtracted(track, identity)
