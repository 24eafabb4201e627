"""Where the detector has to look: at whole frames now and then, between them where something moves, comes or goes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rmset_builder.core.geometry import Array, longer_sides
from rmset_builder.detection.faces import Faces
from rmset_builder.tracking.matching import Keyframe, LinkRules, match


@dataclass(frozen=True)
class Glance:
    """A request to look at a frame: all of it, or (``regions`` (n, 4) pixels given) only where it is in doubt.

    ``known`` are the faces elsewhere, as their neighbours in time tell.
    """

    frame: int
    regions: Array | None = None
    known: Faces | None = None


Detect = Callable[[Sequence[Glance]], Sequence[Keyframe]]


@dataclass(frozen=True)
class KeyframeRules:
    """Where the detector may be left out.

    Attributes:
        detect_every: frames from one keyframe to the next on steady shots; 1 looks at every frame.
        motion: the farthest that a box's or landmark's coordinate may move between two keyframes, as a share of the
            box's longer side, before the frame half-way is looked at too.
        det_threshold: faces below this score that come or go do not make the frame half-way a keyframe.
    """

    detect_every: int
    motion: float
    det_threshold: float


def find_keyframes(
    before: Keyframe | None,
    start: int,
    stop: int,
    cuts: frozenset[int],
    detect: Detect,
    *,
    rules: KeyframeRules,
    links: LinkRules,
) -> list[Keyframe]:
    """The keyframes among the frames ``start`` .. ``stop - 1``, in order.

    Intervals between keyframes are halved until what happens in them is plain; a shot's first and last frame are
    always keyframes, and so is the frame ``stop - 1``.

    Args:
        before: the last keyframe before ``start``, or None at the video's beginning.
        start: first frame.
        stop: one past the last frame.
        cuts: frames with which a new shot begins.
        detect: looks; called with as many glances at a time as possible.
        rules: where the detector may be left out.
        links: when two detections are one face.
    """
    first = first_frames(start, stop, cuts, rules.detect_every)
    known = dict(zip(first, detect([Glance(frame) for frame in first]), strict=True))
    if before is not None:
        known[before.frame] = before
    intervals = [(a, b) for a, b in itertools.pairwise(sorted(known)) if b not in cuts]
    while intervals:
        doubts = [(a, b, glance) for a, b in intervals if (glance := _doubt(known[a], known[b], rules, links))]
        seen = detect([glance for _, _, glance in doubts]) if doubts else []
        known.update((keyframe.frame, keyframe) for keyframe in seen)
        intervals = [half for a, b, glance in doubts for half in ((a, glance.frame), (glance.frame, b))]
    return [known[frame] for frame in sorted(known) if frame >= start]


def first_frames(start: int, stop: int, cuts: frozenset[int], stride: int) -> list[int]:
    """The keyframes among ``start`` .. ``stop - 1`` that are certain before any of them is looked at, ascending."""
    ends = {cut - 1 for cut in cuts}
    regular = range(start + stride - 1, stop, stride)
    chosen = {*regular, stop - 1, *(f for f in cuts | ends if start <= f < stop)}
    if start == 0:
        chosen.add(0)
    return sorted(chosen)


def _doubt(a: Keyframe, b: Keyframe, rules: KeyframeRules, links: LinkRules) -> Glance | None:
    """What must be looked at half-way between two keyframes of a shot, if anything."""
    if b.frame - a.frame <= 1:
        return None
    pairs = match(a, b, links)
    old, new = a.faces[pairs[:, 0]], b.faces[pairs[:, 1]]
    moving = _moved_share(old, new) > rules.motion
    around = [_hull(old.boxes[moving], new.boxes[moving])]
    for side, keyframe in enumerate((a, b)):
        alone = keyframe.faces.scores >= rules.det_threshold
        alone[pairs[:, side]] = False
        around.append(keyframe.faces.boxes[alone])
    regions = np.concatenate(around)
    if not len(regions):
        return None
    return Glance((a.frame + b.frame) // 2, regions, _between(a, b, old[~moving], new[~moving]))


def _moved_share(old: Faces, new: Faces) -> Array:
    """The farthest that any coordinate of each face moved, as a share of its box's longer side: (n,)."""
    longest = np.maximum(longer_sides(old.boxes), 1e-6)
    change = np.concatenate([new.boxes - old.boxes, new.landmarks - old.landmarks], axis=1)
    return np.asarray(np.abs(change).max(axis=1, initial=0) / longest)


def _hull(a: Array, b: Array) -> Array:
    return np.concatenate([np.minimum(a[:, :2], b[:, :2]), np.maximum(a[:, 2:], b[:, 2:])], axis=1)


def _between(a: Keyframe, b: Keyframe, old: Faces, new: Faces) -> Faces:
    """Faces half-way between two keyframes that move evenly."""
    weight = np.float32(((a.frame + b.frame) // 2 - a.frame) / (b.frame - a.frame))
    return Faces(
        *(
            x + weight * (y - x)
            for x, y in ((getattr(old, f), getattr(new, f)) for f in ("boxes", "landmarks", "scores"))
        )
    )
