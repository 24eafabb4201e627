"""Keyframes as the tests make them up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rmset_builder.detection.faces import Faces
from rmset_builder.tracking.matching import Keyframe, LinkRules
from rmset_builder.tracking.tracker import TrackLinker, TrackRows
from rmset_builder.video.shots import Settled

RULES = LinkRules(det_threshold=0.5)

Box = Sequence[float]


def covered(a: Iterable[float], b: Iterable[float]) -> float:
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a, b
    both = max(0, min(ax1, bx1) - max(ax0, bx0)) * max(0, min(ay1, by1) - max(ay0, by0))
    return both / min((ax1 - ax0) * (ay1 - ay0), (bx1 - bx0) * (by1 - by0))


def landmarks_in(box: Box) -> list[float]:
    x0, y0, x1, y1 = box
    places = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
    return [value for u, v in places for value in (x0 + u * (x1 - x0), y0 + v * (y1 - y0))]


def keyframe(frame: int, *faces: tuple[Box, float, int]) -> Keyframe:
    """A frame with faces: box, score, and whose picture it shows; pictures of two people have nothing in common."""
    looks = np.zeros((len(faces), 8), np.float32)
    for row, (_, _, person) in zip(looks, faces, strict=True):
        row[person] = 1
    settled = Settled.for_ever(len(faces))
    if not faces:
        return Keyframe(frame, Faces.none(), looks, settled)
    return Keyframe(
        frame,
        Faces(
            np.array([box for box, _, _ in faces], np.float32),
            np.array([landmarks_in(box) for box, _, _ in faces], np.float32),
            np.array([score for _, score, _ in faces], np.float32),
        ),
        looks,
        settled,
    )


def at(x: float, y: float = 50, *, side: float = 100) -> list[float]:
    return [x, y, x + side, y + side]


def link(*keyframes: Keyframe, cuts: Iterable[int] = (), rules: LinkRules = RULES) -> TrackRows:
    linker = TrackLinker(rules)
    return TrackRows.joined([linker.advance(k, cut=k.frame in set(cuts)) for k in keyframes])
