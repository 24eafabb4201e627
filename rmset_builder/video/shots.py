"""What is new in a picture, light left out: cuts of the whole picture or of a part, and changes that take a while.

Frames are compared on a coarse grid by the local correlation of their thumbnails, which neither flicker nor the film's
glow on a face moves. A place whose correlation with the frame before is low shows something new at once; one that is
unlike what it showed some frames ago has faded, been wiped, or moved.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array
from rmset_builder.video.appearance import Grey

# Frames between the two that are compared to see what changes slowly, and how often that is done.
SLOW = 20
SLOW_EVERY = 4
# The frames of which a slow change tells: it lies within so many before the frame at which it is seen.
SLOW_REACH = SLOW + SLOW_EVERY

_LONGEST_SIDE = 64
_NEIGHBOURHOOD = 5
# Squared grey levels: what varies less than this is a flat place, which says nothing; and what noise may add.
_LIVELY = 36.0
_NOISE = 4.0

# A place with less correlation than this shows something else than before; one among many may be a little surer.
_NEW = 0.7
_NEW_AMONG_MANY = 0.6
# A cut changes this share of the lively places, and this many times as many as the frames before did.
_CUT_SHARE = 0.25
_CUT_RATIO = 2.5
_MEMORY = 5

Frames = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Settled:
    """Whether n boxes of a frame still show what they showed.

    Attributes:
        since: (n,) int32, the frame since which most of each box's place is there; where it is there for longer,
            ``SLOW_REACH`` frames ago.
        steady: (n,) float32, correlation with what it showed ``SLOW`` frames before; 1 where it is not there so long.
        is_new: (n,) bool, has it changed at once within that time, and not with a cut of the whole picture?
    """

    since: Frames
    steady: Array
    is_new: npt.NDArray[np.bool_]

    @classmethod
    def for_ever(cls, count: int) -> Settled:
        """``count`` boxes in which nothing ever changed."""
        return cls(np.full(count, -1, np.int32), np.ones(count, np.float32), np.zeros(count, bool))


@dataclass(frozen=True)
class Changes:
    """What is new in one frame, on a grid over the picture.

    Attributes:
        is_cut: does a new shot of the whole picture begin here?
        since: (rows, columns) int32, the frame at which each place last changed at once; -1 where it never did.
        steady: (rows, columns) float32, correlation -1..1 of each place with what it showed ``SLOW`` frames before; of
            the last frame, at most three before this one, for which it was worked out.
        shot: the frame with which the shot of the whole picture began.
    """

    is_cut: bool
    since: Frames
    steady: Array
    shot: int

    def of_boxes(self, boxes: Array, *, frame: int, width: int, height: int) -> Settled:
        """Since when the boxes' places show what they show, and how steadily.

        Args:
            boxes: (n, 4) pixels.
            frame: this frame's number.
            width: of the frame, pixels.
            height: of the frame, pixels.
        """
        rows, columns = self.since.shape
        scaled = boxes * np.array([columns / width, rows / height] * 2)
        limit = np.array([columns - 1, rows - 1] * 2)
        x0, y0, x1, y1 = np.concatenate(
            [np.clip(np.floor(scaled[:, :2]), 0, limit[:2]), np.clip(np.ceil(scaled[:, 2:]), 1, limit[:2] + 1)], axis=1
        ).T.astype(int)
        x1, y1 = np.maximum(x1, x0 + 1), np.maximum(y1, y0 + 1)

        def summed(places: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
            table = cv2.integral(places)
            return np.asarray(table[y1, x1] - table[y0, x1] - table[y1, x0] + table[y0, x0], np.float64)

        oldest = frame - SLOW_REACH
        area = (y1 - y0) * (x1 - x0)
        since = np.full(len(boxes), oldest, np.int32)
        for index in np.flatnonzero(summed((self.since > oldest).astype(np.uint8)) > area / 2):
            places = self.since[y0[index] : y1[index], x0[index] : x1[index]].ravel()
            middle = (len(places) - 1) // 2
            since[index] = np.partition(places, middle)[middle]
        steady = np.where(since <= oldest, summed(self.steady) / area, 1).astype(np.float32)
        is_new = (since > self.shot) & (since > oldest)
        return Settled(since, steady, is_new)


@dataclass(frozen=True)
class _Look:
    """A small picture, with the mean and the inverse standard deviation of each place's neighbourhood.

    ``lively`` are the places whose neighbourhoods are not flat.
    """

    picture: Array
    mean: Array
    weight: Array
    lively: npt.NDArray[np.bool_]


class ChangeFinder:
    """Finds what is new in each frame of a video; call :meth:`advance` once for each, in order."""

    def __init__(self) -> None:
        self._frame = -1
        self._shot = 0
        self._looks: deque[_Look] = deque(maxlen=SLOW + 1)
        self._shares: deque[float] = deque(maxlen=_MEMORY)
        self._since: Frames = np.empty((0, 0), np.int32)
        self._steady: Array = np.empty((0, 0), np.float32)

    def advance(self, grey: Grey) -> Changes:
        """What is new in the next frame, given as its thumbnail; the first shows nothing new."""
        self._frame += 1
        look = _look(grey)
        is_cut = False
        if self._looks:
            alike = _correlation(look, self._looks[-1])
            is_cut = self._cuts(_share_below(alike, look, self._looks[-1]))
            if is_cut:
                self._looks.clear()
                self._shot = self._frame
                self._since = np.full(look.picture.shape, self._frame, np.int32)
            elif (new := alike < _NEW).any():
                self._since = np.where(new, np.int32(self._frame), self._since)
        else:
            self._since = np.full(look.picture.shape, -1, np.int32)
        self._looks.append(look)
        if is_cut or self._frame == 0:
            self._steady = np.ones(look.picture.shape, np.float32)
        elif self._frame % SLOW_EVERY == 0 and len(self._looks) > SLOW:
            self._steady = _correlation(look, self._looks[0])
        return Changes(is_cut, self._since, self._steady, self._shot)

    def _cuts(self, changed: float) -> bool:
        usual = statistics.median(self._shares) if self._shares else 0.0
        self._shares.append(changed)
        return changed > max(_CUT_SHARE, _CUT_RATIO * usual)


def _look(grey: Grey) -> _Look:
    height, width = grey.shape
    scale = _LONGEST_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    mean = _blurred(picture)
    variance = np.maximum(_blurred(picture * picture) - mean * mean, 0)
    weight = np.asarray(1 / np.sqrt(variance + _NOISE), np.float32)
    return _Look(picture, mean, weight, variance > _LIVELY)


def _correlation(a: _Look, b: _Look) -> Array:
    """Normalised correlation of each place's neighbourhood, -1..1; two flat places are alike."""
    together = _blurred(a.picture * b.picture) - a.mean * b.mean + np.float32(_NOISE)
    return np.asarray(together * (a.weight * b.weight), np.float32)


def _share_below(alike: Array, a: _Look, b: _Look) -> float:
    """Which share of the lively places shows something new."""
    lively = a.lively | b.lively
    count = np.count_nonzero(lively)
    return float(np.count_nonzero(lively & (alike < _NEW_AMONG_MANY)) / count) if count else 0.0


def _blurred(picture: Array) -> Array:
    return np.asarray(cv2.blur(picture, (_NEIGHBOURHOOD, _NEIGHBOURHOOD)), np.float32)
