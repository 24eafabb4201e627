"""Detection at the scales that a shot needs: small faces want a larger input, faces that fill the picture a smaller.

A probe looks at one frame at several scales and keeps the cheapest set of them that shows every face any of them is
sure of; the frames that follow are looked at in those alone.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rmset_builder.detector import Detector, Faces, Image, InputSize
from rmset_builder.geometry import iou_matrix
from rmset_builder.onnx_session import Device

Scales = tuple[int, ...]

_LEAST_BASE, _MOST_BASE = 320, 640
_COARSER = 0.5
_FINER = (1.5, 2.25)
_MULTIPLE = 32
_SAME_FACE = 0.5
# Seen means: well enough to be tracked without the scale that is surer of it.
_SEEN_SCORE = 0.35


def base_side(width: int, height: int) -> int:
    """The longer side of the usual input for a video: its own, within 320 .. 640 pixels."""
    return min(max(_round_up(max(width, height)), _LEAST_BASE), _MOST_BASE)


class ScaledDetector:
    """Detectors of one model for one video's pictures, at any scale; safe to call from several threads.

    Scales are the longer sides of detector inputs in pixels. Detectors are opened when a scale is first used.
    """

    def __init__(
        self, model: Path, *, width: int, height: int, batch: int, device: Device, threshold: float, sure: float
    ) -> None:
        self.base = base_side(width, height)
        self._open = functools.cache(
            lambda side: Detector(
                model,
                size=InputSize.for_picture(width, height, longest_side=side),
                batch=batch,
                device=device,
                threshold=threshold,
            )
        )
        self._lock = threading.Lock()
        self._sure = sure
        finer = (_round_up(round(self.base * factor)) for factor in _FINER)
        self._finer = [side for side in finer if side <= max(width, height)]

    def detect(self, pictures: Sequence[Image], scales: Scales) -> list[Faces]:
        """The faces of each picture, the scales' findings joined."""
        by_scale = [self._at(side).detect(pictures) for side in scales]
        if len(by_scale) == 1:
            return by_scale[0]
        return [Faces.joined(parts) for parts in zip(*by_scale, strict=True)]

    def probe(self, picture: Image) -> Scales:
        """The cheapest scales that show every face of ``picture``. A finer one is tried while it shows more."""
        found = {side: self.detect([picture], (side,))[0] for side in (round(self.base * _COARSER), self.base)}
        for side in self._finer:
            before = len(self._sure_faces(list(found.values())))
            found[side] = self.detect([picture], (side,))[0]
            if len(self._sure_faces(list(found.values()))) == before:
                break
        return cheapest_cover(found, self._sure_faces(list(found.values())), preferred=self.base)

    def _sure_faces(self, parts: Sequence[Faces]) -> Faces:
        joined = Faces.joined(parts)
        return joined[joined.scores >= self._sure]

    def _at(self, side: int) -> Detector:
        with self._lock:
            return self._open(side)


def cheapest_cover(found: dict[int, Faces], wanted: Faces, *, preferred: int) -> Scales:
    """The scales of ``found`` of least total area that see every face of ``wanted``; without any, ``preferred``.

    Args:
        found: what each scale sees.
        wanted: faces to be seen.
        preferred: the scale for a picture that asks for none, and the least that is ever used alone.
    """
    if not len(wanted):
        return (preferred,)
    seen = {side: _sees(faces, wanted) for side, faces in found.items()}
    sets = (s for n in range(1, len(seen) + 1) for s in itertools.combinations(sorted(seen), n) if s[-1] >= preferred)
    by_cost = sorted(sets, key=lambda s: (sum(side * side for side in s), s))
    everything = np.any(list(seen.values()), axis=0)
    return next(s for s in by_cost if (np.any([seen[side] for side in s], axis=0) >= everything).all())


def _sees(faces: Faces, wanted: Faces) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    believed = faces.boxes[faces.scores >= _SEEN_SCORE]
    if not len(believed):
        return np.zeros(len(wanted), bool)
    return np.asarray(iou_matrix(wanted.boxes, believed).max(axis=1) >= _SAME_FACE)


def _round_up(side: int) -> int:
    return -(-side // _MULTIPLE) * _MULTIPLE
