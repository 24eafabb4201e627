"""How alike identities and tracks are, by their embeddings, and which identities are seen side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Floats
from rmset_builder.identity.embeddings import unit
from rmset_builder.reports.review.tracks import Ints, Tracks

# Two faces that are side by side for no more than this share of the shorter one's time may be one person's: while the
# picture changes somebody may be seen in the old place and in the new one.
BRIEFLY = 0.2


@dataclass(frozen=True)
class People:
    """The identities of a video, n of them, as a whole.

    Attributes:
        identity: (n,) their numbers, ascending.
        faces: (n,) how many faces each has.
        share_beside: (n, n) in which share of the frames of the one with fewer faces two are seen side by side; an
            identity with itself: in which share of its faces it has another one beside it.
        alike: (n, n) cosine similarity of their mean embeddings; None where these are not known.
    """

    identity: npt.NDArray[np.int32]
    faces: npt.NDArray[np.int64]
    share_beside: Floats
    alike: Floats | None


def people_of(tracks: Tracks, means: Floats | None) -> People:
    """The identities of a video's tracks; ``means`` (identities, d) are their mean embeddings, by their numbers."""
    identity, place = np.unique(tracks.identity, return_inverse=True)
    faces = np.bincount(place, tracks.faces, len(identity)).astype(np.int64)
    beside = np.zeros((len(identity), len(identity)))
    one, other = place[tracks.beside.T]
    np.add.at(beside, (one, other), tracks.frames_beside)
    np.add.at(beside, (other, one), tracks.frames_beside)
    # Of somebody who is shown twice there are more pairs than frames.
    share = np.minimum(beside / np.minimum(faces[:, None], faces[None, :]), 1)
    alike = None
    if means is not None and len(identity) and identity[-1] < len(means):
        own = unit(means[identity])
        alike = own @ own.T
    return People(identity.astype(np.int32), faces, share, alike)


@dataclass(frozen=True)
class Looks:
    """How the tracks of a video look: (n, d) unit vectors in the order of the tracks, and (n,) whether it is known."""

    embedding: Floats
    known: npt.NDArray[np.bool_]


def looks_of(tracks: Tracks, track: npt.NDArray[np.int32], embedding: Floats) -> Looks:
    """The looks of tracks, by embeddings (k, d), not normalised, of some faces of the tracks ``track`` (k,).

    Long embeddings, of clear faces, weigh more.
    """
    place = np.searchsorted(tracks.number, track).clip(max=max(len(tracks) - 1, 0))
    ours = tracks.number[place] == track
    by_track = np.flatnonzero(ours)[np.argsort(place[ours], kind="stable")]
    known, starts = np.unique(place[by_track], return_index=True)
    sums = np.zeros((len(tracks), embedding.shape[1]), np.float32)
    if len(known):
        sums[known] = np.add.reduceat(embedding[by_track], starts, axis=0)
    return Looks(unit(sums), np.isin(np.arange(len(tracks)), known))


def mean_look(looks: Floats, faces: Ints) -> Floats:
    """The unit vector (d,) nearest to looks (n, d) of tracks with so many ``faces`` (n,)."""
    return np.asarray(unit((looks * faces[:, None]).sum(axis=0, keepdims=True))[0])
