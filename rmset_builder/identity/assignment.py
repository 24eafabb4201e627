"""From a video's faces to its people: embeddings of the best faces of each track, identities, and who is left out."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array
from rmset_builder.detection.base import Detector
from rmset_builder.faces.found_faces import FoundFaces
from rmset_builder.faces.spool import Spool
from rmset_builder.faces.upside_down import upside_down_tracks
from rmset_builder.identity.appearance import in_order_of_appearance
from rmset_builder.identity.clustering import IdentityRules, TrackSummary, cluster_tracks, doubtful_tracks
from rmset_builder.identity.embedder import Embedder, faces_worth_embedding
from rmset_builder.identity.embeddings import FaceEmbeddings, unit
from rmset_builder.identity.means import EmbeddedFaces, mean_embeddings, no_embedded_faces
from rmset_builder.identity.purity import PureTrack, PurityRules, TrackPurifier, changing
from rmset_builder.tracking.tracker import frames_apart

UNSURE = "unsure"
UPSIDE_DOWN = "upside-down"
IN_TRANSITION = "in-transition"
SHORT_LIVED = "short-lived"
NEVER_CLEAR = "never-clear"

Rows = npt.NDArray[np.intp]

# So many times more faces of a doubtful track are embedded, and so many moments of two tracks seen together.
_CLOSER_LOOK = 6
_MOMENTS = 3
# Two tracks of which one is seen beside the other for no more than this share of its time may be one person's.
_BRIEFLY = 0.2


@dataclass(frozen=True)
class People:
    """Whose the faces of a video are.

    Attributes:
        rows: (n,) numbers of the faces that are kept, in shard order: by frame, identity, track.
        identity: (n,) int32, 0.. without gaps in the order of first appearance.
        track: (n,) int32, 0.. without gaps likewise.
        embedded: the faces by which tracks are told apart.
        embedding: (identities, d) float32 unit vectors: the mean of each identity's embedded faces.
        dropped: faces left out, by reason.
        dropped_identities: identities left out, by reason.
    """

    rows: npt.NDArray[np.intp]
    identity: npt.NDArray[np.int32]
    track: npt.NDArray[np.int32]
    embedded: EmbeddedFaces
    embedding: Array
    dropped: dict[str, int] = field(default_factory=dict)
    dropped_identities: dict[str, int] = field(default_factory=dict)

    @property
    def tracks(self) -> int:
        """How many tracks there are."""
        return int(self.track.max()) + 1 if len(self.track) else 0


def find_people(
    found: FoundFaces,
    spool: Spool,
    embedder: Embedder,
    detector: Detector,
    pool: Executor,
    *,
    det_threshold: float,
    faces_per_track: int,
    rules: IdentityRules,
    purity: PurityRules,
    least_frames: int,
) -> People:
    """Tell who is who.

    Args:
        found: the video's faces.
        spool: their pictures.
        embedder: face recogniser.
        detector: face detector for aligned faces (`upside_down.INPUT_SIZE`).
        pool: runs decoding, detection and embedding.
        det_threshold: a track whose every detection scores below this is no face.
        faces_per_track: how many of a track's faces are embedded.
        rules: when two tracks are one person.
        purity: when a track holds two.
        least_frames: identities seen in fewer frames are left out.
    """
    rows = found.rows
    if not len(rows):
        return _nobody({})
    best = np.zeros(rows.track.max() + 1, np.float32)
    np.maximum.at(best, rows.track, rows.scores)
    kept = np.flatnonzero(best[rows.track] >= det_threshold)
    dropped = {UNSURE: len(rows) - len(kept)}
    worth = rows.scores * np.log1p(found.sharpness)
    if len(kept):
        track, by_track = _by_track(rows.track, kept)
        standing_for = [mine[faces_worth_embedding(worth[mine], most=faces_per_track)] for mine in by_track]
        upright = ~upside_down_tracks(standing_for, spool, detector, pool)[track]
        dropped[UPSIDE_DOWN] = int((~upright).sum())
        kept = kept[upright]
    dropped = {why: count for why, count in dropped.items() if count}
    if not len(kept):
        return _nobody(dropped)

    evidence = FaceEmbeddings(spool, embedder, pool)
    pure = _pure_tracks(found, kept, worth, evidence, purity, most=faces_per_track)
    by_track = [one.faces for one in pure]
    whole = len(kept)
    track = np.repeat(np.arange(len(by_track)), [len(mine) for mine in by_track])
    kept = np.concatenate(by_track)
    by_frame = np.argsort(kept, kind="stable")
    kept, track = kept[by_frame], track[by_frame]
    dropped[IN_TRANSITION] = whole - len(kept)
    together = _seen_as_two(rows.frame[kept], track, rows.boxes[kept], found.transitions)
    label, chosen = _cluster(pure, found, together, evidence, rules, worth=worth, most=faces_per_track)
    identity = label[track]

    reason = _reasons_to_drop(
        rows.frame[kept], rows.scores[kept], identity, least_frames=least_frames, clear=rules.clear
    )
    dropped |= {why: int((reason == why)[identity].sum()) for why in (SHORT_LIVED, NEVER_CLEAR)}
    dropped_identities = {why: int((reason == why).sum()) for why in (SHORT_LIVED, NEVER_CLEAR)}
    stays = (reason == "")[identity]
    kept, identity, track = kept[stays], identity[stays], track[stays]

    identities = in_order_of_appearance(rows.frame[kept], rows.boxes[kept, 0], identity)
    tracks = in_order_of_appearance(rows.frame[kept], identities, track)
    order = np.lexsort((tracks, identities, rows.frame[kept]))
    embedded, whose = _embedded(chosen, evidence, rows.frame, old=track, new=tracks, identities=identities)
    return People(
        rows=kept[order],
        identity=identities[order],
        track=tracks[order],
        embedded=embedded,
        embedding=mean_embeddings(embedded, whose, int(identities.max()) + 1 if len(identities) else 0),
        dropped={why: count for why, count in dropped.items() if count},
        dropped_identities={why: count for why, count in dropped_identities.items() if count},
    )


def _nobody(dropped: dict[str, int]) -> People:
    nothing, none = np.empty(0, np.int32), no_embedded_faces()
    return People(np.empty(0, np.intp), nothing, nothing, none, none.embedding, dropped)


def _embedded(
    chosen: list[Rows],
    evidence: FaceEmbeddings,
    frame: npt.NDArray[np.int32],
    *,
    old: npt.NDArray[np.integer],
    new: npt.NDArray[np.int32],
    identities: npt.NDArray[np.int32],
) -> tuple[EmbeddedFaces, npt.NDArray[np.int32]]:
    """The faces that stand for the tracks that stay, and whose each is.

    ``old`` and ``new`` are the numbers of each kept face's track before and after the others were left out.
    """
    number, first = np.unique(old, return_index=True)
    if not len(number):
        return no_embedded_faces(), np.empty(0, np.int32)
    picked = np.concatenate([chosen[one] for one in number])
    counts = [len(chosen[one]) for one in number]
    track, whose = np.repeat(new[first], counts), np.repeat(identities[first], counts)
    order = np.lexsort((frame[picked], track))
    picked = picked[order]
    return EmbeddedFaces(frame[picked], track[order], np.asarray(evidence.of(picked), np.float32)), whose[order]


def _pure_tracks(
    found: FoundFaces,
    kept: Rows,
    worth: npt.NDArray[np.floating],
    evidence: FaceEmbeddings,
    rules: PurityRules,
    *,
    most: int,
) -> list[PureTrack]:
    """The tracks, each of one person."""
    by_track = _by_track(found.rows.track, kept)[1]
    number = np.unique(found.rows.track[kept])
    by_number = found.doubts[np.argsort(found.doubts[:, 0], kind="stable")]
    first, last = (np.searchsorted(by_number[:, 0], number, side) for side in ("left", "right"))
    doubts = [by_number[start:stop, 1] for start, stop in zip(first, last, strict=True)]
    purifier = TrackPurifier(found.rows.frame, worth, evidence, rules, most=most)
    return purifier.split(by_track, doubts, found.transitions)


def _seen_as_two(
    frame: npt.NDArray[np.int32], track: npt.NDArray[np.integer], boxes: Array, transitions: npt.NDArray[np.int32]
) -> npt.NDArray[np.bool_]:
    """Which tracks were seen together as two people: (tracks, tracks).

    While most of the picture changes, someone may be seen in the old place and in the new one; that counts only where
    it lasts.
    """
    apart = frames_apart(frame, track, boxes)
    if not len(transitions):
        return apart > 0
    steady = ~changing(frame, transitions)
    count = len(apart)
    sure = np.zeros_like(apart)
    if steady.any():
        part = frames_apart(frame[steady], track[steady], boxes[steady])
        sure[: len(part), : len(part)] = part
    length = np.bincount(track, minlength=count)
    return (sure > 0) | (apart > _BRIEFLY * np.minimum(length[:, None], length[None, :]))


def _by_track(track: npt.NDArray[np.int32], kept: Rows) -> tuple[npt.NDArray[np.intp], list[Rows]]:
    """The tracks of the kept rows, numbered 0.. without gaps, and each one's rows."""
    number = np.unique(track[kept], return_inverse=True)[1]
    return number, np.split(kept[np.argsort(number, kind="stable")], np.cumsum(np.bincount(number))[:-1])


def _reasons_to_drop(
    frame: npt.NDArray[np.int32], scores: Array, identity: npt.NDArray[np.int64], *, least_frames: int, clear: float
) -> npt.NDArray[np.str_]:
    """Why each identity is left out, (identities,); empty for those that stay."""
    reasons = []
    for number in range(int(identity.max()) + 1):
        mine = identity == number
        if len(np.unique(frame[mine])) < least_frames:
            reasons.append(SHORT_LIVED)
        elif scores[mine].max() < clear:
            reasons.append(NEVER_CLEAR)
        else:
            reasons.append("")
    return np.array(reasons)


def _cluster(
    tracks: list[PureTrack],
    found: FoundFaces,
    together: npt.NDArray[np.bool_],
    evidence: FaceEmbeddings,
    rules: IdentityRules,
    *,
    worth: npt.NDArray[np.floating],
    most: int,
) -> tuple[npt.NDArray[np.int64], list[Rows]]:
    """Each track's label and the faces that were embedded for it: few where that is clear, more where it is not."""
    by_track, chosen = [track.faces for track in tracks], [track.chosen for track in tracks]
    embedding = unit(evidence.sums(chosen))
    alike = embedding @ embedding.T
    apart = together & (alike < rules.twice)
    for i, j in np.argwhere(np.triu(apart & (alike >= rules.perhaps_twice))):
        if _same_moments_alike(by_track[i], by_track[j], found.rows.frame, evidence) >= rules.twice:
            apart[i, j] = apart[j, i] = False
    faces = np.array([len(mine) for mine in by_track], np.int64)
    summary = TrackSummary(faces, embedding, apart)
    label = cluster_tracks(summary, rules)
    doubtful = doubtful_tracks(summary, label, rules)
    for track in doubtful:
        mine = by_track[track]
        more = mine[faces_worth_embedding(worth[mine], most=most * _CLOSER_LOOK)]
        chosen[track] = np.union1d(chosen[track], more)
    if len(doubtful):
        embedding = unit(evidence.sums(chosen))
        label = cluster_tracks(TrackSummary(faces, embedding, apart), rules)
    return label, chosen


def _same_moments_alike(a: Rows, b: Rows, frame: npt.NDArray[np.int32], evidence: FaceEmbeddings) -> float:
    """Mean cosine similarity of two tracks' faces in frames that show both."""
    _, in_a, in_b = np.intersect1d(frame[a], frame[b], return_indices=True)
    picked = np.linspace(0, len(in_a) - 1, min(len(in_a), _MOMENTS)).round().astype(int)
    one, other = (unit(evidence.of(rows)) for rows in (a[in_a[picked]], b[in_b[picked]]))
    return float((one * other).sum(axis=1).mean())
