"""Identities that may hold two people: their tracks fall into two groups that are not alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Floats
from rmset_builder.reports.findings import TWO_PEOPLE, Finding, Mending
from rmset_builder.reports.review.likeness import BRIEFLY, Looks, mean_look
from rmset_builder.reports.review.scale import LEAST, two_people
from rmset_builder.reports.review.tracks import Ints, Tracks

# Faces that a group must have to stand for somebody.
_FEWEST_FACES = 12
# So many tracks, those that look least like the identity as a whole, are each tried as the seed of the other person.
_SEEDS = 4
_MOST_STEPS = 10

Side = npt.NDArray[np.bool_]


def maybe_two_people(tracks: Tracks, looks: Looks, mending: Mending) -> Iterator[Finding]:
    """Identities that may hold two people, with the tracks of the one who has fewer faces."""
    for identity in np.unique(tracks.identity).tolist():
        own = tracks.of(identity)
        own = own[looks.known[own]]
        found = two_groups(looks.embedding[own], tracks.faces[own])
        if found is None:
            continue
        side, alike = found
        fewer, more = own[side], own[~side]
        share = min(tracks.frames_of_two(fewer, more) / int(tracks.faces[fewer].sum()), 1.0)
        together = share > BRIEFLY
        score = two_people(alike, together)
        if score < LEAST:
            continue
        seen = f" and are seen beside them for {share:.0%} of their time" if together else ""
        numbers = tuple(tracks.number[fewer].tolist())
        yield Finding(
            video=mending.video,
            kind=TWO_PEOPLE,
            identities=(identity,),
            tracks=numbers,
            score=score,
            why=f"Of the {len(own)} tracks of identity {identity} {len(numbers)} look unlike the others "
            f"(cosine similarity {alike:.2f}){seen}.",
            command=mending.split(identity, numbers),
        )


def two_groups(looks: Floats, faces: Ints) -> tuple[Side, float] | None:
    """The two groups of tracks that are least alike, as two means of directions find them.

    Args:
        looks: (n, d) unit vectors of the tracks.
        faces: (n,) how many faces each has, which is its weight.

    Returns:
        Which tracks (n,) are of the group with fewer faces, and the cosine similarity of the groups' means; None where
        there are no two groups of twelve faces each.
    """
    if len(looks) < 2:
        return None
    best: tuple[Side, float] | None = None
    strangest = np.argsort(looks @ mean_look(looks, faces), kind="stable")
    long = strangest[faces[strangest] >= _FEWEST_FACES]
    for seed in [*long, *strangest][:_SEEDS]:
        side = _settled(looks, faces, looks @ looks[seed])
        if side is None:
            continue
        counts = int(faces[side].sum()), int(faces[~side].sum())
        alike = float(mean_look(looks[side], faces[side]) @ mean_look(looks[~side], faces[~side]))
        if min(counts) >= _FEWEST_FACES and (best is None or alike < best[1]):
            best = (side if counts[0] <= counts[1] else ~side), alike
    return best


def _settled(looks: Floats, faces: Ints, near: Floats) -> Side | None:
    """Two groups, begun by how ``near`` (n,) tracks are to a seed, of which each is nearer to its own group's mean."""
    side: Side = near > (near.min() + near.max()) / 2
    for _ in range(_MOST_STEPS):
        if side.all() or not side.any():
            return None
        one, other = (mean_look(looks[part], faces[part]) for part in (side, ~side))
        nearer = looks @ (one - other) > 0
        if (nearer == side).all():
            break
        side = nearer
    return None if side.all() or not side.any() else side
