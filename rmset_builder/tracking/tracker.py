"""Detections of neighbouring keyframes linked into tracks: unbroken appearances of one face.

A face the detector is unsure of may continue a track but not make one: a track counts only when the detector was sure
of it at least once (as in ByteTrack).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array, covered_share
from rmset_builder.detection.faces import Faces
from rmset_builder.tracking.matching import Keyframe, LinkRules, Matches, Pairs, match_seen
from rmset_builder.video.shots import Settled

# Two boxes of which one lies on the other by more than this are one face.
MOSTLY = 0.5
# Of fewer faces nobody can say that most of a picture is changing.
_FEWEST_IN_TRANSITION = 3

_BOX, _LANDMARKS, _SCORE = slice(0, 4), slice(4, 14), 14


@dataclass(frozen=True)
class TrackRows:
    """Faces of consecutive frames, one row a face.

    Shapes for n rows: ``frame``, ``track`` (n,) int32; ``values`` (n, 15) float32: box, landmarks, score;
    ``filled`` (n,) bool: true where a keyframe was looked at and did not show the face.
    """

    frame: npt.NDArray[np.int32]
    track: npt.NDArray[np.int32]
    values: Array
    filled: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def boxes(self) -> Array:
        """(n, 4) pixels."""
        return self.values[:, _BOX]

    @property
    def landmarks(self) -> Array:
        """(n, 10) pixels."""
        return self.values[:, _LANDMARKS]

    @property
    def scores(self) -> Array:
        """(n,) detector scores."""
        return self.values[:, _SCORE]

    def select(self, rows: npt.NDArray[np.bool_] | Pairs) -> TrackRows:
        """Some of the rows."""
        return TrackRows(self.frame[rows], self.track[rows], self.values[rows], self.filled[rows])

    @classmethod
    def joined(cls, parts: Sequence[TrackRows]) -> TrackRows:
        """All rows of ``parts``, in order."""
        if not parts:
            empty = np.empty(0, np.int32)
            return cls(empty, empty, np.empty((0, 15), np.float32), np.empty(0, bool))
        return cls(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("frame", "track", "values", "filled")))


class _Live:
    """A track that may still go on."""

    __slots__ = ("frame", "looks", "number", "values")

    def __init__(self, number: int, frame: int, values: Array, looks: Array) -> None:
        self.number, self.frame, self.values, self.looks = number, frame, values, looks


class TrackLinker:
    """Links keyframes, given in order, into tracks and fills the frames between.

    Between two keyframes a face is taken to move evenly. Where :meth:`advance` is told of a cut, every track ends.

    Attributes:
        count: of tracks.
        doubts: track and frame of every link by which the picture had changed slowly or the face had leapt, perhaps
            into another face.
        transitions: the frames by which the picture had changed so in most places.
    """

    def __init__(self, rules: LinkRules) -> None:
        self.rules = rules
        self.count = 0
        self.doubts: list[tuple[int, int]] = []
        self.transitions: list[int] = []
        self._live: list[_Live] = []
        self._keyframes: list[int] = []

    def advance(self, keyframe: Keyframe, *, cut: bool = False) -> TrackRows:
        """Take the next keyframe; return the rows it makes certain: its own, and those it fills in before it."""
        if cut:
            self._live.clear()
            self._keyframes.clear()
        oldest = keyframe.frame - self.rules.longest_gap
        self._live = [track for track in self._live if track.frame >= oldest]
        self._keyframes = [frame for frame in self._keyframes if frame >= oldest]
        faces = keyframe.faces
        values = np.column_stack([faces.boxes, faces.landmarks, faces.scores]).astype(np.float32)
        in_doubt = keyframe.settled.steady < self.rules.steady
        if self._is_transition(keyframe.settled, in_doubt):
            self.transitions.append(keyframe.frame)
            in_doubt[:] = True
        matches = self._matches(keyframe)
        tracks, seen = [self._live[old] for old in matches.pairs[:, 0]], matches.pairs[:, 1]
        rows = self._between(tracks, keyframe.frame, values[seen])
        for track, new, leapt in zip(tracks, seen, matches.leapt, strict=True):
            if in_doubt[new] or leapt:
                self.doubts.append((track.number, keyframe.frame))
            track.frame, track.values, track.looks = keyframe.frame, values[new], keyframe.patches[new]
        others = np.delete(np.arange(len(faces)), seen)
        number = np.arange(self.count, self.count + len(others), dtype=np.int32)
        for n, new in zip(number.tolist(), others, strict=True):
            self._live.append(_Live(n, keyframe.frame, values[new], keyframe.patches[new]))
        self.count += len(others)
        self._keyframes.append(keyframe.frame)
        begun = TrackRows(np.full_like(number, keyframe.frame), number, values[others], np.zeros(len(others), bool))
        return TrackRows.joined([rows, begun])

    def _is_transition(self, settled: Settled, in_doubt: npt.NDArray[np.bool_]) -> bool:
        """Have most places changed of late, and not all at once?"""
        at_once = settled.is_new.copy()
        if at_once.any():
            moments, counts = np.unique(settled.since[at_once], return_counts=True)
            at_once &= settled.since != moments[np.argmax(counts)]
        changed = in_doubt | at_once
        return len(changed) >= _FEWEST_IN_TRANSITION and bool(changed.mean() > self.rules.transition)

    def _matches(self, keyframe: Keyframe) -> Matches:
        if not self._live:
            return Matches.none()
        boxes = np.stack([track.values[_BOX] for track in self._live])
        looks = np.stack([track.looks for track in self._live])
        frames = np.array([track.frame for track in self._live])
        return match_seen(boxes, looks, frames, keyframe, self.rules)

    def _between(self, tracks: Sequence[_Live], frame: int, values: Array) -> TrackRows:
        """The rows after each track's last one, up to and with ``frame``, in which it has ``values`` (n, 15)."""
        if not tracks:
            return TrackRows.joined([])
        last = np.array([track.frame for track in tracks])
        before = np.stack([track.values for track in tracks])
        looked_at = np.array(self._keyframes, np.int64)
        missed = np.asarray(((looked_at > last[:, None]) & (looked_at < frame)).any(axis=1))
        whose = np.repeat(np.arange(len(tracks)), frame - last)
        frames = last[whose] + 1 + np.arange(len(whose)) - np.searchsorted(whose, whose)
        weight = ((frames - last[whose]) / (frame - last[whose]))[:, None]
        steps = before[whose] + weight * (values - before)[whose]
        number = np.array([track.number for track in tracks], np.int32)
        filled = (frames < frame) & missed[whose]
        return TrackRows(frames.astype(np.int32), number[whose], steps.astype(np.float32), filled)


def drop_doubles(faces: Faces, *, det_threshold: float) -> Faces:
    """Leave out unsure faces that lie mostly on a sure one: parts of a face, not faces."""
    is_sure = faces.scores >= det_threshold
    if is_sure.all() or not is_sure.any():
        return faces
    covered = covered_share(faces.boxes, faces.boxes[is_sure]).max(axis=1) > MOSTLY
    return faces[is_sure | ~covered]


def with_known(found: Faces, known: Faces) -> Faces:
    """Faces found in some regions, and those known elsewhere; a face that is in both is taken from the known ones."""
    if len(known) and len(found):
        new = covered_share(found.boxes, known.boxes).max(axis=1) <= MOSTLY
        found = found[new]
    return Faces(*(np.concatenate([getattr(known, f), getattr(found, f)]) for f in ("boxes", "landmarks", "scores")))


def drop_filled_doubles(rows: TrackRows) -> TrackRows:
    """Leave out filled-in rows that lie mostly on another row of their frame: the face was there, as another track."""
    keep = np.ones(len(rows), bool)
    for index in np.flatnonzero(rows.filled):
        others = (rows.frame == rows.frame[index]) & (rows.track != rows.track[index]) & keep
        if others.any() and covered_share(rows.boxes[index][None], rows.boxes[others]).max() > MOSTLY:
            keep[index] = False
    return rows.select(keep)


def frames_apart(frame: npt.NDArray[np.int32], track: npt.NDArray[np.integer], boxes: Array) -> npt.NDArray[np.int32]:
    """In how many frames two tracks were seen at different places: two faces, so two people (or one shown twice).

    Args:
        frame: (n,) of each row, ascending.
        track: (n,) numbers 0.. without gaps.
        boxes: (n, 4) pixels.

    Returns:
        (tracks, tracks) symmetric.
    """
    count = int(track.max()) + 1 if len(track) else 0
    apart = np.zeros((count, count), np.int32)
    for start, stop in frame_runs(frame):
        mine = track[start:stop]
        disjoint = covered_share(boxes[start:stop], boxes[start:stop]) < 1 - MOSTLY
        apart[np.ix_(mine, mine)] += disjoint
    np.fill_diagonal(apart, 0)
    return apart


def frame_runs(frame: npt.NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """Start and stop of the rows of each frame, ``frame`` (n,) ascending."""
    if not len(frame):
        return
    starts = np.flatnonzero(np.diff(frame, prepend=frame[0] - 1))
    yield from zip(starts.tolist(), [*starts[1:].tolist(), len(frame)], strict=True)
