"""The paper's augmentation, planned apart from its doing: the same plan on the CPU (here) or a device (device.py).

For each picture one of {grayscale with p = .1, horizontal flip with p = .5, colour jitter .25/.25/.25/hue .125}, each
with probability 1/3, as ``torchvision.transforms.RandomChoice`` over the three would do it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from rmfer.data.kernels import jitter, normalize_lines
from rmfer.data.rng import AUGMENT, uniforms

# Of RMset's faces, in [0, 1], red green blue (method.md, "Training facts").
RMSET_MEAN = (0.5293, 0.3920, 0.3694)
RMSET_STD = (0.2045, 0.1735, 0.1618)

NOTHING, GRAYSCALE, FLIP, JITTER = range(4)
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
GRAYSCALE_P, FLIP_P = 0.1, 0.5
STRENGTH = (0.25, 0.25, 0.25, 0.125)
# Rec. 601, as Pillow and torchvision weigh red, green and blue.
LUMA = (0.299, 0.587, 0.114)

# Of the same faces made grey: the mean is exact; the deviation is as if the three channels went up and down together,
# which they nearly do.
GREY_MEAN = (float(np.dot(LUMA, RMSET_MEAN)),) * 3
GREY_STD = (float(np.dot(LUMA, RMSET_STD)),) * 3

# (2, 3): what normalising, (x / 255 - mean) / std, multiplies by and what it adds; and a line that changes nothing.
_SAME = np.asarray([[1] * 3, [0] * 3], np.float32)

_NUMBERS = 10  # choice, probability, four strengths, four for their order

Image = npt.NDArray[np.uint8]


Levels = tuple[float, float, float]


def levels_of(*, grey: bool) -> tuple[Levels, Levels]:
    """Mean and deviation that RMset's pictures are normalised with, in colour or made ``grey``."""
    return (GREY_MEAN, GREY_STD) if grey else (RMSET_MEAN, RMSET_STD)


def make_grey(image: Image, into: Image | None = None) -> Image:
    """``image`` (H, W, 3) uint8 RGB with its luma (Rec. 601) in all three channels."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB, dst=into)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class AugmentPlan:
    """What is done to each of n pictures.

    ``kind`` (n,) uint8: NOTHING, GRAYSCALE, FLIP or JITTER. ``strength`` (n, 4) float32: the factors of brightness,
    contrast and saturation and the shift of hue (1 = once round). ``order`` (n, 4): in which order they are applied.
    """

    kind: npt.NDArray[np.uint8]
    strength: npt.NDArray[np.float32]
    order: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.kind)

    @classmethod
    def of_set(cls, count: int, *, seed: int, epoch: int, number: int, purpose: int = AUGMENT) -> AugmentPlan:
        """The plan for the ``count`` pictures of an anchor set or a batch; it depends on the arguments alone."""
        numbers = uniforms(count * _NUMBERS, seed=seed, epoch=epoch, number=number, purpose=purpose)
        numbers = numbers.reshape(count, _NUMBERS)
        choice = (numbers[:, 0] * 3).astype(np.int64)
        kind = np.select(
            [(choice == 0) & (numbers[:, 1] < GRAYSCALE_P), (choice == 1) & (numbers[:, 1] < FLIP_P), choice == 2],
            [GRAYSCALE, FLIP, JITTER],
            NOTHING,
        )
        strength = (2 * numbers[:, 2:6] - 1) * STRENGTH + (1, 1, 1, 0)
        return cls(kind.astype(np.uint8), strength.astype(np.float32), np.argsort(numbers[:, 6:10], axis=1))

    def part(self, places: slice) -> AugmentPlan:
        """The plan for the pictures at ``places`` alone."""
        return AugmentPlan(self.kind[places], self.strength[places], self.order[places])

    @classmethod
    def none(cls, count: int) -> AugmentPlan:
        """A plan that changes nothing."""
        return cls(np.zeros(count, np.uint8), np.ones((count, 4), np.float32), np.zeros((count, 4), np.int64))

    @classmethod
    def join(cls, plans: list[AugmentPlan]) -> AugmentPlan:
        """One plan for the pictures of all ``plans``."""
        return cls(*(np.concatenate([getattr(plan, name) for plan in plans]) for name in ("kind", "strength", "order")))


def augment(image: Image, plan: AugmentPlan, number: int) -> Image:
    """``image`` (H, W, 3) uint8 RGB changed as entry ``number`` of ``plan`` says; ``image`` may be written over."""
    if plan.kind[number] != JITTER:
        return _flip_or_gray(image, plan.kind[number])
    planes, out = np.stack(cv2.split(image)), np.empty(image.size, np.float32)
    jitter(planes.reshape(3, -1), plan.order[number], plan.strength[number], _SAME, out)
    return out.astype(np.uint8).reshape(image.shape)


class Finisher:
    """Augments and normalises pictures of one size, in memory of its own that is used again: one for each thread.

    Args:
        size: H and W of the pictures.
        grey: normalise with the levels of grey pictures.
    """

    def __init__(self, size: int, *, grey: bool = False) -> None:
        self.pixels: Image = np.empty((size, size, 3), np.uint8)
        """(H, W, 3) RGB, where the picture is to be put that comes next."""
        self._planes = np.empty((3, size, size), np.uint8)
        mean, std = (np.asarray(levels, np.float32) for levels in levels_of(grey=grey))
        self._normal = np.stack([1 / (255 * std), -mean / std])
        self._scale, self._shift = np.tile(self._normal, size)

    def finish(self, plan: AugmentPlan, number: int, out: npt.NDArray[np.float32]) -> None:
        """Fill ``out`` (H, W, 3) from ``pixels``, which are written over, as entry ``number`` of ``plan`` says."""
        if plan.kind[number] == JITTER:
            cv2.split(self.pixels, list(self._planes))
            planes = self._planes.reshape(3, -1)
            jitter(planes, plan.order[number], plan.strength[number], self._normal, out.reshape(-1))
        else:
            lines = _flip_or_gray(self.pixels, plan.kind[number]).reshape(len(out), -1)
            normalize_lines(lines, self._scale, self._shift, out.reshape(len(out), -1))


def _flip_or_gray(image: Image, kind: int) -> Image:
    # In place, as new memory of this size would be taken from the system, and given back, for each picture.
    if kind == FLIP:
        cv2.flip(image, 1, dst=image)
    elif kind == GRAYSCALE:
        make_grey(image, image)
    return image
