"""Who is who in one video: tracks clustered by their embeddings, two faces of one moment being two people.

The one exception to that rule is measured, not assumed: mashups show one person twice at once (in the wall, and large
in the film's place), and the same moments of two such tracks are far more alike than two people ever are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array
from rmset_builder.identity.linkage import average_linkage

_MOST_SOLID_TRACKS = 4000


@dataclass(frozen=True)
class IdentityRules:
    """When two tracks are one person, and which people are left out.

    Attributes:
        same_person: least mean cosine similarity of two groups of tracks of one person.
        perhaps_twice: cosine similarity of two tracks seen together from which on they are compared moment by moment.
        twice: least mean cosine similarity of the same moments of two tracks that show one person twice.
        doubt: a track nearer than this to ``same_person``, from either side, is looked at more closely.
        solid: frames from which on a track may found an identity; shorter ones only join.
        join: least cosine similarity at which a short track joins an identity.
        clear: an identity that the detector never sees with this score is left out: things that look like faces.
        shortest_share: an identity on screen for less than the least presence, or than this share of the video,
            whichever is shorter, is left out.
    """

    same_person: float
    perhaps_twice: float = 0.45
    twice: float = 0.75
    doubt: float = 0.20
    solid: int = 12
    join: float = 0.30
    clear: float = 0.6
    shortest_share: float = 0.05


@dataclass(frozen=True)
class TrackSummary:
    """The tracks of a video, for n tracks.

    Attributes:
        faces: (n,) number of faces of each.
        embedding: (n, d) unit vectors.
        apart: (n, n) whether two tracks were seen together as two people.
    """

    faces: npt.NDArray[np.int64]
    embedding: Array
    apart: npt.NDArray[np.bool_]


def cluster_tracks(tracks: TrackSummary, rules: IdentityRules) -> npt.NDArray[np.int64]:
    """A label for each track, (n,), the same for tracks of one person; labels are 0.. without gaps.

    Solid tracks are clustered first, by average linkage on cosine distance under the cannot-link rule. Each short
    track then joins the identity it is most like, longest first; those like nobody are clustered among themselves.
    """
    n = len(tracks.faces)
    labels = np.full(n, -1, np.int64)
    if n == 0:
        return labels
    alike = (tracks.embedding @ tracks.embedding.T).astype(np.float64)
    apart = tracks.apart
    by_length = np.argsort(-tracks.faces, kind="stable")
    solid = by_length[tracks.faces[by_length] >= rules.solid][:_MOST_SOLID_TRACKS]
    labels[solid] = average_linkage(alike[np.ix_(solid, solid)], apart[np.ix_(solid, solid)], rules.same_person)
    for track in by_length[~np.isin(by_length, solid)]:
        labels[track] = _nearest(labels, alike=alike[track], apart=apart[track], faces=tracks.faces, join=rules.join)
    lonely = np.flatnonzero(labels < 0)
    first_new = labels.max() + 1
    labels[lonely] = first_new + average_linkage(
        alike[np.ix_(lonely, lonely)], apart[np.ix_(lonely, lonely)], rules.same_person
    )
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def doubtful_tracks(tracks: TrackSummary, labels: npt.NDArray[np.int64], rules: IdentityRules) -> npt.NDArray[np.intp]:
    """The tracks that more evidence could move: hardly like their own identity, or nearly like another they may join.

    Args:
        tracks: of the video.
        labels: (n,) as :func:`cluster_tracks` gives them.
        rules: what hardly and nearly mean.
    """
    count = int(labels.max()) + 1
    alike = (tracks.embedding @ tracks.embedding.T).astype(np.float64)
    np.fill_diagonal(alike, 0)
    member = np.zeros((len(labels), count))
    member[np.arange(len(labels)), labels] = tracks.faces
    others = member.sum(axis=0) - member
    mean = alike @ member / np.maximum(others, 1)
    own = np.where(others[np.arange(len(labels)), labels] > 0, mean[np.arange(len(labels)), labels], 1)
    barred = tracks.apart.astype(float) @ (member > 0) > 0
    mean[barred | (member > 0)] = -1
    return np.flatnonzero(
        (own < rules.same_person + rules.doubt) | (mean.max(axis=1) > rules.same_person - rules.doubt)
    )


def _nearest(
    labels: npt.NDArray[np.int64],
    *,
    alike: npt.NDArray[np.float64],
    apart: npt.NDArray[np.bool_],
    faces: npt.NDArray[np.int64],
    join: float,
) -> int:
    """The label a short track joins, -1 for none: the most alike on average, weighted by the tracks' lengths."""
    known = labels >= 0
    count = int(labels.max()) + 1
    if count == 0:
        return -1
    weight = np.bincount(labels[known], faces[known], count)
    mean = np.bincount(labels[known], faces[known] * alike[known], count) / np.maximum(weight, 1)
    mean[np.unique(labels[known & apart])] = -1
    best = int(np.argmax(mean))
    return best if mean[best] >= join else -1
