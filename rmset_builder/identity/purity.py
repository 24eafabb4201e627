"""Tracks that run on from one person to another, found and split; faces that are half one, half another, left out.

Where the picture changes at once a track has ended already. Here are the slow changes (fades, wipes, one face melting
into another): a track is told apart into stretches at every place of doubt, one face of each stretch is embedded, and
where two stretches are two people the change is searched for by halving. A track without a place of doubt is compared
in its two halves, which are embedded in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array
from rmset_builder.identity.embedder import faces_worth_embedding
from rmset_builder.identity.embeddings import FaceEmbeddings, unit
from rmset_builder.video.shots import SLOW, SLOW_REACH

Rows = npt.NDArray[np.intp]
Frames = npt.NDArray[np.int32]

# So many faces of each of two stretches are compared when one of each does not settle it.
_CLOSER_LOOK = 4
# Faces that a stretch between two doubts must have to stand for somebody.
_SHORTEST_STRETCH = 12


@dataclass(frozen=True)
class PurityRules:
    """When a track holds two people.

    Attributes:
        one_person: cosine similarity of two stretches' best faces from which on nothing more is looked at.
        two_people: cosine similarity of several faces of each below which they are two people ...
        share: ... and, while it is below ``one_person``, this share of what the faces of either have among themselves:
            two people may be alike, as long as each is far more like himself.
        clearly: by so much more a face must be like one person than like the other, to be that person's.
        belongs: least cosine similarity to its own track of a face seen while most of the picture changes.
    """

    one_person: float = 0.4
    two_people: float = 0.25
    share: float = 0.55
    clearly: float = 0.25
    belongs: float = 0.25


@dataclass(frozen=True)
class PureTrack:
    """One unbroken appearance of one person: ``faces`` (n,) in order of time, and those that represent it."""

    faces: Rows
    chosen: Rows


def probes(frames: Frames, doubts: Frames, transitions: Frames) -> list[npt.NDArray[np.intp]]:
    """The stretches of a track within which it surely holds one person, and single faces of what lies between.

    Args:
        frames: (n,) ascending frames of the track's faces.
        doubts: ascending frames at which its picture was unlike the one some frames before.
        transitions: ascending frames by which most of the whole picture had changed.

    Returns:
        Indices into ``frames`` of each stretch, in order of time.
    """
    in_doubt = changing(frames, doubts)
    for run in _runs(in_doubt):
        in_doubt[run] |= len(run) < _SHORTEST_STRETCH
    at_ends = changing(frames[[0, -1]], transitions)
    found = []
    for run in _runs(in_doubt):
        if not in_doubt[run[0]]:
            found.append(run)
            continue
        # What changes for long may change more than once; and a track may have begun or ended while all changed.
        places = np.linspace(0, len(run) - 1, len(run) // (2 * SLOW) + 2).round().astype(int)
        begins, ends = run[0] == 0 and at_ends[0], run[-1] == len(frames) - 1 and at_ends[1]
        places = places[0 if begins else 1 : None if ends else -1]
        found += [run[place : place + 1] for place in places]
    return found


def changing(frames: Frames, changed: Frames) -> npt.NDArray[np.bool_]:
    """Which frames (n,) lie within those that one of ``changed``, ascending, tells of: (n,)."""
    following = np.searchsorted(changed, frames)
    found = following < len(changed)
    found[found] = changed[following[found]] - SLOW_REACH < frames[found]
    return found


class TrackPurifier:
    """Splits tracks so that each holds one person.

    Args:
        frame: (n,) of each face of the video.
        worth: (n,) how good a picture each is; higher is better.
        evidence: embeddings of faces.
        rules: when a track holds two people.
        most: faces of a track that has no place of doubt.
    """

    def __init__(
        self,
        frame: Frames,
        worth: npt.NDArray[np.floating],
        evidence: FaceEmbeddings,
        rules: PurityRules,
        *,
        most: int,
    ) -> None:
        self._frame = frame
        self._worth = worth
        self._evidence = evidence
        self._rules = rules
        self._most = most

    def split(self, tracks: list[Rows], doubts: list[Frames], transitions: Frames) -> list[PureTrack]:
        """The tracks, split where they change their person, without faces that are nobody's.

        Args:
            tracks: the faces of each, in order of time.
            doubts: of each, ascending frames by which its picture had changed.
            transitions: ascending frames by which most of the picture had changed.
        """
        stretches = [self._stretches(mine, where, transitions) for mine, where in zip(tracks, doubts, strict=True)]
        chosen = [[self._best(stretch) for stretch in parts] for parts in stretches]
        self._evidence.of(np.concatenate([face for faces in chosen for face in faces]))
        pure: list[PureTrack] = []
        for mine, parts, faces in zip(tracks, stretches, chosen, strict=True):
            seen = np.concatenate(faces)
            for part in self._split_one(mine, parts, faces):
                own = self._without_ghosts(part, transitions) if len(transitions) else part
                known = seen[(seen >= own[0]) & (seen <= own[-1])]
                pure.append(PureTrack(own, known if len(known) else self._best(own, self._most)))
        return pure

    def _stretches(self, mine: Rows, doubts: Frames, transitions: Frames) -> list[Rows]:
        parts = probes(self._frame[mine], doubts, transitions) if len(doubts) else []
        if len(parts) < 2:
            return np.array_split(mine, len(faces_worth_embedding(self._worth[mine], most=self._most)))
        return [mine[part] for part in parts]

    def _best(self, stretch: Rows, count: int = 1) -> Rows:
        """The best faces of a stretch."""
        return stretch[faces_worth_embedding(self._worth[stretch], most=count)]

    def _split_one(self, mine: Rows, stretches: list[Rows], faces: list[Rows]) -> list[Rows]:
        """One track, split between stretches that are two people."""
        tracks: list[Rows] = []
        start, before, known = 0, stretches[0], faces[0]
        for after, face in zip(stretches[1:], faces[1:], strict=True):
            if self._are_two(before, known, after, face):
                last, first = self._change(mine, known, face)
                tracks.append(mine[start : last + 1])
                start, before, known = first, after, face
            else:
                before, known = np.concatenate([before, after]), np.concatenate([known, face])
        return [*tracks, mine[start:]]

    def _are_two(self, before: Rows, known: Rows, after: Rows, face: Rows) -> bool:
        if self._alike(known, face) >= self._rules.one_person:
            return False
        one, other = (self._best(part, _CLOSER_LOOK) for part in (before, after))
        one, other = np.union1d(one, known), np.union1d(other, face)
        alike = self._alike(one, other)
        if alike < self._rules.two_people or alike >= self._rules.one_person:
            return alike < self._rules.two_people
        a, b = (unit(self._evidence.of(rows)) for rows in (one, other))
        return float((a @ b.T).mean()) < self._rules.share * min(_cohesion(a), _cohesion(b))

    def _alike(self, a: Rows, b: Rows) -> float:
        return float(self._mean(a) @ self._mean(b))

    def _mean(self, faces: Rows) -> Array:
        return np.asarray(unit(self._evidence.of(faces).sum(axis=0, keepdims=True))[0], np.float32)

    def _change(self, mine: Rows, known: Rows, face: Rows) -> tuple[int, int]:
        """Where in a track the last face of one person stands, and the first one of the next."""
        one, other = (self._mean(rows) for rows in (known, face))

        def leaning(index: int) -> float:
            return float(self._mean(mine[[index]]) @ (one - other))

        low, high = int(np.searchsorted(mine, known[-1])), int(np.searchsorted(mine, face[0]))
        middle = _last_true(lambda index: leaning(index) > 0, low, high)
        down = range(middle, max(low, middle - SLOW_REACH), -1)
        up = range(middle + 1, min(high, middle + SLOW_REACH))
        last = next((index for index in down if leaning(index) > self._rules.clearly), middle)
        first = next((index for index in up if leaning(index) < -self._rules.clearly), middle + 1)
        return last, first

    def _without_ghosts(self, mine: Rows, transitions: Frames) -> Rows:
        """A track without the faces at its ends that are half another's, where it ends while the picture changes."""
        begins, ends = changing(self._frame[mine[[0, -1]]], transitions)
        if not (begins or ends):
            return mine
        most = min(SLOW_REACH, (len(mine) - 1) // 2)
        own = self._mean(self._best(mine[most : len(mine) - most], _CLOSER_LOOK))
        start, stop = 0, len(mine)
        if begins:
            start = self._strangers(mine[:most], own)
        if ends:
            stop -= self._strangers(mine[::-1][:most], own)
        return mine[start:stop]

    def _strangers(self, faces: Rows, own: Array) -> int:
        """How many faces there are before the first that is like ``own``.

        None where no face is like it: then its embeddings say nothing, as those of small and blurred faces do.
        """
        for count in range(len(faces)):
            if float(self._mean(faces[count : count + 1]) @ own) >= self._rules.belongs:
                return count
        return 0


def _cohesion(looks: Array) -> float:
    """Mean cosine similarity of unit vectors (n, d) among themselves; 0 for one alone."""
    n = len(looks)
    return float((looks @ looks.T).sum() - n) / (n * (n - 1)) if n > 1 else 0.0


def _runs(flags: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.intp]]:
    """The indices of neighbours with equal flags, together."""
    return np.split(np.arange(len(flags)), np.flatnonzero(np.diff(flags)) + 1)


def _last_true(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The last index in ``low`` .. ``high - 1`` for which ``holds``, which is true at ``low`` and then turns false."""
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low
