"""The review list of a video: what somebody should look at, worst first. docs/review.md tells how well it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from rmset_builder.core.errors import RmsetError
from rmset_builder.corrections.ledger import read_ledger
from rmset_builder.reports.findings import Finding, Mending
from rmset_builder.reports.review.film import maybe_film
from rmset_builder.reports.review.likeness import Looks, People, looks_of, people_of
from rmset_builder.reports.review.one_person import maybe_one_person
from rmset_builder.reports.review.poor import poor_tracks
from rmset_builder.reports.review.tracks import Faces, Tracks, tracks_of
from rmset_builder.reports.review.twice import maybe_twice
from rmset_builder.reports.review.two_people import maybe_two_people
from rmset_builder.shards.face_embeddings import read_face_embeddings, read_means
from rmset_builder.shards.layout import ShardFile, find_shards, identities_path
from rmset_builder.shards.reader import read_columns, telling
from rmset_builder.shards.videos_table import extract_again


def find_doubts(shards: Path, video: str) -> list[Finding]:
    """What somebody should look at in the shards of one video, worst first; nothing where it has no faces.

    Scores of all kinds are on one scale, on which 0.5 is the border between what speaks for a doubt and what against
    it; from 0.4 on they are listed. Cosine similarities reach 1, or 0, at 0.2 from their border: 0.30 between one
    person and two, 0.55 where both are on screen at once. What is judged by places, times and sizes alone is scored
    0.75 at most: a face of 32 pixels, a tenth of the usual sharpness, a third less than the usual presence (of whoever
    is only where others are in turn), or two faces at once in a quarter of an identity's faces make 0.5.

    Rules that need embeddings are left out where there are none: older shards have no file of faces' embeddings, which
    tells one identity from two people.

    The borders of similarities were put between the most alike that two people were and the least alike that one
    person's parts were, over ten composed mashups with exact truth, before nine others were looked at; the rules of the
    film were changed once more on six of these. The numbers are in docs/review.md.

    Raises:
        RmsetError: there is no such folder, or a file of the video cannot be read.
    """
    own = [shard for shard in find_shards(shards) if shard.video == video]
    if not own:
        return []
    faces, second = _read_faces(own)
    tracks = tracks_of(faces)
    try:
        embedded = read_face_embeddings(shards, video)
        means = read_means(shards, video) if identities_path(shards, video).exists() else None
    except (pa.ArrowException, OSError) as error:
        raise RmsetError(
            f"the embeddings of video {video} in {shards} cannot be read: {error}", remedy=extract_again(shards, None)
        ) from error
    people = people_of(tracks, means)
    looks = looks_of(tracks, embedded.track, embedded.embedding) if embedded is not None and len(embedded) else None
    return doubts_of(tracks, people, looks, second=second, mending=Mending(shards, video, len(read_ledger(shards))))


def doubts_of(tracks: Tracks, people: People, looks: Looks | None, *, second: int, mending: Mending) -> list[Finding]:
    """The doubts about a video's tracks, worst first.

    Args:
        tracks: of the video.
        people: of the video.
        looks: of the tracks; None leaves out what needs them.
        second: frames of a second.
        mending: the video's commands.
    """
    two = list(maybe_two_people(tracks, looks, mending)) if looks is not None else []
    held = {finding.identities for finding in two}
    found = [
        *two,
        *maybe_one_person(people, mending),
        *maybe_film(tracks, people, second, mending),
        # Who is two people has two faces at once for that reason.
        *(finding for finding in maybe_twice(tracks, people, second, mending) if finding.identities not in held),
        *poor_tracks(tracks, mending),
    ]
    return sorted(found, key=lambda finding: (-finding.score, finding.kind, finding.identities))


def _read_faces(own: list[ShardFile]) -> tuple[Faces, int]:
    """The rows of a video's shards, and how many frames make a second."""
    parts = []
    for shard in own:
        with telling(shard):
            parts.append(
                read_columns(shard.path, "frame", "identity", "track", "bbox", "landmarks", "sharpness", "time_s")
            )
    frame, identity, track, bbox, landmarks, sharpness, time_s = map(np.concatenate, zip(*parts, strict=True))
    faces = Faces(
        frame=frame, identity=identity, track=track, bbox=bbox, landmarks=landmarks, sharpness=sharpness
    )  # fmt: skip
    lasts = float(np.ptp(time_s)) if len(time_s) else 0.0
    return faces, max(round(int(np.ptp(frame)) / lasts), 1) if lasts > 0 else 1
