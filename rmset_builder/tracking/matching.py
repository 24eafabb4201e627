"""Which face of one look is which of the next.

A face that stays where it was is known by the overlap of its boxes and by what they show. One that moves shows itself
in a place that is new, and so does one that a cut puts where another was: of those, only faces that look far more alike
than two people do are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array, iou_matrix, longer_sides
from rmset_builder.detection.faces import Faces
from rmset_builder.video.shots import Settled

Pairs = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

# A face's size does not change by more than this factor while it leaps.
_GROWTH = 1.5


@dataclass(frozen=True)
class Keyframe:
    """A frame that the detector has seen, with n faces.

    Attributes:
        frame: its number.
        faces: what the detector found.
        patches: (n, d) what their boxes show (:func:`rmset_builder.video.appearance.patches`).
        settled: since when their boxes show it, and how steadily.
    """

    frame: int
    faces: Faces
    patches: Array
    settled: Settled


@dataclass(frozen=True)
class LinkRules:
    """When two detections are one face.

    Attributes:
        det_threshold: detector score from which on a face is believed.
        overlap: least intersection over union of a face that stays where it was.
        likeness: least normalised correlation of what its boxes show.
        likeness_anew: the same where its place shows something new at once: the face moves, or another has come.
        leap: farthest that a face moves from one detection to the next where its boxes overlap less, as a share of its
            box's longer side.
        likeness_leapt: least correlation of what its boxes show then.
        longest_gap: frames that a track may go unseen; they are filled in.
        steady: a track is in doubt where its place correlates less than this with what it showed some frames ago.
        transition: share of a frame's faces whose places have changed of late from which on all tracks are in doubt.
    """

    det_threshold: float
    overlap: float = 0.4
    likeness: float = 0.65
    likeness_anew: float = 0.75
    leap: float = 1.0
    likeness_leapt: float = 0.85
    longest_gap: int = 8
    steady: float = 0.75
    transition: float = 0.55


@dataclass(frozen=True)
class Matches:
    """Faces that are the same.

    Attributes:
        pairs: (n, 2) their indices in the earlier and the later look.
        leapt: (n,) has the face moved so that only its likeness tells that it is the same?
    """

    pairs: Pairs
    leapt: Flags

    @classmethod
    def none(cls) -> Matches:
        """No face is any other."""
        return cls(np.empty((0, 2), np.intp), np.empty(0, bool))


def match(a: Keyframe, b: Keyframe, rules: LinkRules) -> Pairs:
    """Which face of ``a`` is which of ``b``: (n, 2) indices. Sure faces of ``b`` choose first."""
    return match_seen(a.faces.boxes, a.patches, np.full(len(a.faces), a.frame), b, rules).pairs


def match_seen(boxes: Array, looks: Array, frames: npt.NDArray[np.integer], b: Keyframe, rules: LinkRules) -> Matches:
    """Which of some faces is which of a keyframe's.

    Args:
        boxes: (n, 4) pixels, where each was seen last.
        looks: (n, d) its patch there.
        frames: (n,) when.
        b: a later keyframe. Its sure faces choose first, and faces that stay before those that leap.
        rules: when two are one.
    """
    if not len(boxes) or not len(b.faces):
        return Matches.none()
    stay, leap = _worths(boxes, looks, frames, b, rules)
    sure = b.faces.scores >= rules.det_threshold
    pairs: list[Pairs] = []
    leapt: list[Flags] = []
    for wanted in (sure, ~sure):
        for worth in (stay, leap):
            found = _assigned(worth, np.flatnonzero(wanted))
            for left in (stay, leap):
                left[found[:, 0]] = 0
                left[:, found[:, 1]] = 0
            pairs.append(found)
            leapt.append(np.full(len(found), worth is leap))
    return Matches(np.concatenate(pairs), np.concatenate(leapt))


def _worths(
    boxes: Array, looks: Array, frames: npt.NDArray[np.integer], b: Keyframe, rules: LinkRules
) -> tuple[Array, Array]:
    """How well each face goes with each of ``b``, as one that stays and as one that leaps: (n, m) each, 0 for not."""
    overlap = iou_matrix(boxes, b.faces.boxes)
    alike = looks @ b.patches.T
    there = overlap >= rules.overlap
    is_anew = b.settled.since[None, :] > frames[:, None]
    stays = there & ~is_anew & (alike >= rules.likeness)
    near = _near(boxes, b.faces.boxes, rules.leap)
    leaps = np.where(there, is_anew & (alike >= rules.likeness_anew), near & (alike >= rules.likeness_leapt))
    return np.where(stays, overlap, 0).astype(np.float32), np.where(leaps, alike, 0).astype(np.float32)


def _near(a: Array, b: Array, leap: float) -> Flags:
    """Which boxes (n, 4) and (m, 4) are of like size, their middles within ``leap`` times the first's side: (n, m)."""
    sides = longer_sides(a)[:, None]
    ratio = longer_sides(b)[None, :] / np.maximum(sides, 1e-6)
    middles = [(boxes[:, 2:] + boxes[:, :2]) / 2 for boxes in (a, b)]
    way = np.abs(middles[0][:, None] - middles[1][None, :]).max(axis=2)
    return np.asarray((way <= leap * sides) & (ratio <= _GROWTH) & (ratio >= 1 / _GROWTH))


def _assigned(worth: Array, columns: Pairs) -> Pairs:
    """The pairs (n, 2) of rows and some columns that are worth most together, without those worth nothing."""
    worth = worth[:, columns]
    rows, picked = np.nonzero(worth)
    if not len(rows):
        return np.empty((0, 2), np.intp)
    if _are_tangled(rows, picked):
        # Half a second to import, which hardly any video needs: where a face could go with two, those go with no other.
        from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

        rows, picked = linear_sum_assignment(worth, maximize=True)
        wanted = worth[rows, picked] > 0
    else:
        wanted = (worth.argmax(axis=1)[rows] == picked) & (worth.argmax(axis=0)[picked] == rows)
    return np.stack([rows[wanted], columns[picked[wanted]]], axis=1)


def _are_tangled(rows: Pairs, columns: Pairs) -> bool:
    """Is there a pair both of whose sides could go with others?"""
    return bool(np.any((np.bincount(rows)[rows] > 1) & (np.bincount(columns)[columns] > 1)))
