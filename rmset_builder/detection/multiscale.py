"""Detection at the scales that a shot needs: small faces want a larger input, faces that fill the picture a smaller.

A probe looks at one frame at several scales and keeps the cheapest set of them that shows every face any of them is
sure of; the frames that follow are looked at in those alone.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from rmset_builder.core.geometry import Array, iou_matrix
from rmset_builder.core.opened_once import OpenedOnce
from rmset_builder.detection.base import Detector, InputSize
from rmset_builder.detection.detectors import kind_of_file
from rmset_builder.detection.faces import Faces, Image
from rmset_builder.inference.session import Device

Scales = tuple[int, ...]

_LEAST_BASE, _MOST_BASE = 320, 640
_COARSER = 0.5
_FINER = (1.5, 2.25)
_MULTIPLE = 32
_SAME_FACE = 0.5

# A region is looked at in a square this many times its size, of an input side that is a multiple of the step.
_ROOM = 2.5
_REGION_STEP = 64
_MOST_REGION_SIDE = 320
_MOST_REGIONS = 4
# Faces nearer to the square's border than this share of it may be cut.
_BORDER = 0.02


def base_side(width: int, height: int) -> int:
    """The longer side of the usual input for a video: its own, within 320 .. 640 pixels."""
    return min(max(_round_up(max(width, height)), _LEAST_BASE), _MOST_BASE)


class DetectorBank:
    """Detectors of one model, one for each input size, opened when first asked for and shared by all videos.

    Args:
        model: the ONNX file of any kind in `detectors`.
        batch: pictures that a detector takes at a time.
        device: where to run.
        threshold: faces below this score are left out.

    Raises:
        RmsetError: the file is of no kind that is known.
    """

    def __init__(self, model: Path, *, batch: int, device: Device, threshold: float) -> None:
        new = functools.partial(kind_of_file(model).open, model, batch=batch, device=device, threshold=threshold)
        self._opened = OpenedOnce[InputSize, Detector](lambda size: new(size=size))

    def get(self, size: InputSize) -> Detector:
        """The detector for one input size. While one opens, others can be had and opened."""
        return self._opened.get(size)

    def open_ahead(self, size: InputSize, pool: Executor) -> None:
        """Have the detector for one input size opened before it is asked for."""
        pool.submit(self._opened.get, size)

    def close(self) -> None:
        """Give back what the models hold."""
        for detector in self._opened.made():
            detector.close()


class ScaledDetector:
    """Detection in one video's pictures at any scale, in whole pictures or in parts of them; safe for threads.

    Scales are the longer sides, in pixels, of the input that a whole picture would have.

    Args:
        bank: detectors.
        width: of the pictures.
        height: of the pictures.
        det_threshold: score from which on a face is believed.
    """

    def __init__(self, bank: DetectorBank, *, width: int, height: int, det_threshold: float) -> None:
        self.base = base_side(width, height)
        self._bank = bank
        self._width, self._height = width, height
        self._det_threshold = det_threshold
        finer = (_round_up(round(self.base * factor)) for factor in _FINER)
        self._finer = [side for side in finer if side <= max(width, height)]

    def open_ahead(self, pool: Executor) -> None:
        """Have the detectors opened that a video's first frame needs."""
        for scale in self._first_scales():
            self._bank.open_ahead(self._size(scale), pool)

    def detect(self, picture: Image, scales: Scales) -> Faces:
        """The faces of a picture, the scales' findings joined."""
        return Faces.joined([self._whole(picture, side) for side in scales])

    def detect_in(self, picture: Image, regions: Array, scales: Scales) -> Faces | None:
        """The faces of some regions (n, 4) of a picture, or None where looking at all of it costs less.

        Each region is looked at in a square input at the finest of ``scales`` at which it is small enough; faces
        that the square's border may have cut are left out.
        """
        if len(regions) > _MOST_REGIONS:
            return None
        squares = [self._square(region, scales) for region in regions]
        if any(square is None for square in squares):
            return None
        found = [self._part(picture, *square) for square in squares if square is not None]
        return Faces.joined(found)

    def _whole(self, picture: Image, scale: int) -> Faces:
        return self._bank.get(self._size(scale)).detect([picture])[0]

    def _size(self, scale: int) -> InputSize:
        return InputSize.for_picture(self._width, self._height, longest_side=scale)

    def _square(self, region: Array, scales: Scales) -> tuple[tuple[int, int, int], int] | None:
        """Left, top and side in picture pixels, and input side, of the square to look at a region in."""
        longest = max(self._width, self._height)
        for scale in sorted(scales, reverse=True):
            factor = scale / longest
            wanted = float((region[2:] - region[:2]).max()) * _ROOM
            side = max(-(-int(wanted * factor) // _REGION_STEP) * _REGION_STEP, _REGION_STEP * 2)
            if side > _MOST_REGION_SIDE:
                continue
            span = round(side / factor)
            if span > min(self._width, self._height):
                continue
            corner = (region[:2] + region[2:]) / 2 - span / 2
            left = int(np.clip(corner[0], 0, self._width - span))
            top = int(np.clip(corner[1], 0, self._height - span))
            return (left, top, span), side
        return None

    def _part(self, picture: Image, place: tuple[int, int, int], side: int) -> Faces:
        left, top, span = place
        inner = picture[top : top + span, left : left + span]
        faces = self._bank.get(InputSize(side, side)).detect([inner])[0]
        margin = span * _BORDER
        low = np.array([margin if left else -np.inf, margin if top else -np.inf])
        at_right, at_bottom = left + span >= self._width, top + span >= self._height
        high = np.array([np.inf if at_right else span - margin, np.inf if at_bottom else span - margin])
        uncut = (faces.boxes[:, :2] >= low).all(axis=1) & (faces.boxes[:, 2:] <= high).all(axis=1)
        whole = faces[uncut]
        shift = np.array([left, top], np.float32)
        return Faces(whole.boxes + np.tile(shift, 2), whole.landmarks + np.tile(shift, 5), whole.scores)

    def probe(self, picture: Image, pool: Executor) -> tuple[Scales, Faces]:
        """The cheapest scales that show every face of ``picture``, and what they show.

        A finer one is tried while it shows more.
        """
        coarse, fine, first = self._coarse, self._finer, self._first_scales()
        found = dict(zip(first, pool.map(functools.partial(self._whole, picture), first), strict=True))
        found = {side: found[side] for side in sorted(found)}
        if fine and self._shows_more(found, fine[0], than=coarse):
            found |= {side: self._whole(picture, side) for side in fine[1:]}
        sure = {side: self._sure_of(faces) for side, faces in found.items()}
        scales = cheapest_cover(sure, preferred=self.base)
        return scales, Faces.joined([found[side] for side in scales])

    @property
    def _coarse(self) -> list[int]:
        return [round(self.base * _COARSER), self.base]

    def _first_scales(self) -> list[int]:
        """Those at which a probe looks in any case; the slowest begins first."""
        return [*self._finer[:1], *reversed(self._coarse)]

    def _shows_more(self, found: dict[int, Faces], side: int, *, than: Sequence[int]) -> bool:
        """Does a scale add a face that the detector is sure of?"""
        fewer = [self._sure_of(found[other]) for other in than]
        return len(Faces.joined([*fewer, self._sure_of(found[side])])) > len(Faces.joined(fewer))

    def _sure_of(self, faces: Faces) -> Faces:
        return faces[faces.scores >= self._det_threshold]


def cheapest_cover(found: dict[int, Faces], *, preferred: int) -> Scales:
    """The scales of least total area that together see every face that any does; where none sees one, ``preferred``.

    Args:
        found: the faces that each scale is sure of. One that is merely seen may be lost in the next frame, and its box
            is that of a network at its limit.
        preferred: the scale for a picture that asks for none, and the least that is ever used alone.
    """
    wanted = Faces.joined(list(found.values()))
    if not len(wanted):
        return (preferred,)
    seen = {side: _sees(faces, wanted) for side, faces in found.items()}
    sets = (s for n in range(1, len(seen) + 1) for s in itertools.combinations(sorted(seen), n) if s[-1] >= preferred)
    by_cost = sorted(sets, key=lambda s: (sum(side * side for side in s), s))
    everything = np.any(list(seen.values()), axis=0)
    return next(s for s in by_cost if (np.any([seen[side] for side in s], axis=0) >= everything).all())


def _sees(faces: Faces, wanted: Faces) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not len(faces):
        return np.zeros(len(wanted), bool)
    return np.asarray(iou_matrix(wanted.boxes, faces.boxes).max(axis=1) >= _SAME_FACE)


def _round_up(side: int) -> int:
    return -(-side // _MULTIPLE) * _MULTIPLE
