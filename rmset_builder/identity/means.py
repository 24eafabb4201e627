"""From the embeddings of single faces to those of tracks and identities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array
from rmset_builder.identity.embeddings import unit


@dataclass(frozen=True)
class EmbeddedFaces:
    """The faces by which tracks are known, a few of each, sorted by (track, frame).

    Attributes:
        frame: (n,) int32.
        track: (n,) int32.
        embedding: (n, d) float32, not normalised: the clearer a face, the longer its vector.
    """

    frame: npt.NDArray[np.int32]
    track: npt.NDArray[np.int32]
    embedding: Array

    def __len__(self) -> int:
        return len(self.frame)

    def taken(self, places: npt.NDArray[np.intp]) -> EmbeddedFaces:
        """The faces at ``places`` (k,), in their order."""
        return EmbeddedFaces(self.frame[places], self.track[places], self.embedding[places])


def no_embedded_faces() -> EmbeddedFaces:
    """Of a video in which there is nobody."""
    return EmbeddedFaces(np.empty(0, np.int32), np.empty(0, np.int32), np.empty((0, 0), np.float32))


def mean_embeddings(faces: EmbeddedFaces, identity: npt.NDArray[np.int32], identities: int) -> Array:
    """The mean embedding of each identity, (identities, d) float32 unit vectors; every track counts alike.

    Args:
        faces: some of each track.
        identity: (n,) whose each face is.
        identities: how many there are; one of whom no face was embedded has zeros.
    """
    means = np.zeros((identities, faces.embedding.shape[1]), np.float32)
    if len(faces):
        # A track is one person's; of one that was cut, each part counts by itself.
        order = np.lexsort((faces.frame, faces.track, identity))
        whose, track = identity[order], faces.track[order]
        starts = np.flatnonzero(np.r_[True, (np.diff(whose) != 0) | (np.diff(track) != 0)])
        of_track = unit(np.add.reduceat(faces.embedding[order], starts, axis=0))
        first = np.flatnonzero(np.r_[True, np.diff(whose[starts]) != 0])
        counts = np.diff(np.r_[first, len(starts)])
        means[whose[starts][first]] = np.add.reduceat(of_track, first, axis=0) / counts[:, None].astype(np.float32)
    return unit(means)
