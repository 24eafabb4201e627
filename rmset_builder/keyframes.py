"""Which frames the detector has to see: every few frames, and every one where something moves, comes or goes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rmset_builder.tracks import Keyframe, LinkRules, match

Detect = Callable[[Sequence[int]], Sequence[Keyframe]]


@dataclass(frozen=True)
class KeyframeRules:
    """Where the detector may be left out.

    Attributes:
        stride: frames from one keyframe to the next on steady shots; 1 looks at every frame.
        motion: the farthest that a box's or landmark's coordinate may move between two keyframes, as a share of the
            box's longer side, before the frame half-way is looked at too.
        worth_a_look: faces below this score that come or go do not make the frame half-way a keyframe.
    """

    stride: int = 4
    motion: float = 0.15
    worth_a_look: float = 0.5


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
        detect: gives the keyframes of some frames; called with as many frames at a time as possible.
        rules: where the detector may be left out.
        links: when two detections are one face.
    """
    first = _first_frames(start, stop, cuts, rules.stride)
    known = dict(zip(first, detect(first), strict=True))
    if before is not None:
        known[before.frame] = before
    ordered = sorted(known)
    open_intervals = list(itertools.pairwise(ordered))
    while open_intervals:
        unclear = [(a, b) for a, b in open_intervals if b not in cuts and _unclear(known[a], known[b], rules, links)]
        middles = [(a + b) // 2 for a, b in unclear]
        known.update(zip(middles, detect(middles) if middles else [], strict=True))
        open_intervals = [half for (a, b), m in zip(unclear, middles, strict=True) for half in ((a, m), (m, b))]
    return [known[frame] for frame in sorted(known) if frame >= start]


def _first_frames(start: int, stop: int, cuts: frozenset[int], stride: int) -> list[int]:
    ends = {cut - 1 for cut in cuts}
    regular = range(start + stride - 1, stop, stride)
    chosen = {*regular, stop - 1, *(f for f in cuts | ends if start <= f < stop)}
    if start == 0:
        chosen.add(0)
    return sorted(chosen)


def _unclear(a: Keyframe, b: Keyframe, rules: KeyframeRules, links: LinkRules) -> bool:
    if b.frame - a.frame <= 1:
        return False
    pairs = match(a, b, links)
    for side, keyframe in enumerate((a, b)):
        alone = np.ones(len(keyframe.faces), bool)
        alone[pairs[:, side]] = False
        if (keyframe.faces.scores[alone] >= rules.worth_a_look).any():
            return True
    if not len(pairs):
        return False
    old, new = a.faces[pairs[:, 0]], b.faces[pairs[:, 1]]
    longest = np.maximum(*(old.boxes[:, 2:] - old.boxes[:, :2]).T)
    moved = np.maximum(np.abs(new.boxes - old.boxes).max(axis=1), np.abs(new.landmarks - old.landmarks).max(axis=1))
    return bool((moved > rules.motion * longest).any())
