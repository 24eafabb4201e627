"""Identities that have two faces in one frame for long: somebody who is shown twice, or two people taken for one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rmset_builder.reports.findings import TWICE, Finding, Mending
from rmset_builder.reports.review.likeness import People
from rmset_builder.reports.review.scale import LEAST, SURE
from rmset_builder.reports.review.tracks import Places, Tracks

# Two faces in one frame are the rule of some mashups' editors, seconds at a time; the longer, the more it is worth.
_BORDER = 0.25


def maybe_twice(tracks: Tracks, people: People, second: int, mending: Mending) -> Iterator[Finding]:
    """Identities that have two faces in one frame for at least a second, with the tracks that could be set apart."""
    whose = tracks.identity[tracks.beside]
    doubled = np.flatnonzero(whose[:, 0] == whose[:, 1])
    for index, identity in enumerate(people.identity.tolist()):
        pairs = doubled[whose[doubled, 0] == identity]
        frames = int(tracks.frames_beside[pairs].sum())
        if frames < second:
            continue
        share = frames / int(people.faces[index])
        numbers = tuple(tracks.number[_shorter(tracks, tracks.beside[pairs])].tolist())
        yield Finding(
            video=mending.video,
            kind=TWICE,
            identities=(identity,),
            tracks=numbers,
            score=min(LEAST + (0.5 - LEAST) * share / _BORDER, SURE),
            why=f"Identity {identity} has two faces at once in {frames:,} frames, {share:.0%} of its faces.",
            command=mending.split(identity, numbers),
        )


def _shorter(tracks: Tracks, pairs: Places) -> Places:
    """Of pairs (p, 2) of tracks the one of each that has fewer faces, each named once, ascending."""
    return np.unique(np.where(tracks.faces[pairs[:, 0]] < tracks.faces[pairs[:, 1]], pairs[:, 0], pairs[:, 1]))
