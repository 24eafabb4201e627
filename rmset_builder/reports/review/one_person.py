"""Identities that may be one person: alike and never side by side, or side by side and more alike than two people."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rmset_builder.reports.findings import ONE_PERSON, TWICE, Finding, Mending
from rmset_builder.reports.review.likeness import BRIEFLY, People
from rmset_builder.reports.review.scale import LEAST, one_person


def maybe_one_person(people: People, mending: Mending) -> Iterator[Finding]:
    """Pairs of identities that may be one person; none where their embeddings are not known."""
    if people.alike is None:
        return
    together = people.share_beside > BRIEFLY
    scores = one_person(people.alike, together)
    for a, b in np.argwhere(np.triu(scores >= LEAST, 1)).tolist():
        one, other = int(people.identity[a]), int(people.identity[b])
        share = float(people.share_beside[a, b])
        how_long = f"side by side for {share:.0%} of the time of the one who is seen less" if share else "side by side"
        seen = "and are" if together[a, b] else "and only" if share else "and never"
        yield Finding(
            video=mending.video,
            kind=TWICE if together[a, b] else ONE_PERSON,
            identities=(one, other),
            tracks=(),
            score=float(scores[a, b]),
            why=f"Identities {one} and {other} look alike (cosine similarity {people.alike[a, b]:.2f}) "
            f"{seen} {how_long}.",
            command=mending.merge(one, other),
        )
