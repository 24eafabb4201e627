"""The paper's augmentation, planned apart from its doing: the same plan on the CPU (here) or a device (device.py).

For each picture one of {grayscale with p = .1, horizontal flip with p = .5, colour jitter .25/.25/.25/hue .125}, each
with probability 1/3, as ``torchvision.transforms.RandomChoice`` over the three would do it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from rmfer.store.draws import AUGMENT, uniforms
from rmfer.store.kernels import jitter

# Of RMset's faces, in [0, 1], red green blue (method.md, "Training facts").
RMSET_MEAN = (0.5293, 0.3920, 0.3694)
RMSET_STD = (0.2045, 0.1735, 0.1618)

NOTHING, GRAYSCALE, FLIP, JITTER = range(4)
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
GRAYSCALE_P, FLIP_P = 0.1, 0.5
STRENGTH = (0.25, 0.25, 0.25, 0.125)
# Rec. 601, as Pillow and torchvision weigh red, green and blue.
LUMA = (0.299, 0.587, 0.114)

_NUMBERS = 10  # choice, probability, four strengths, four for their order

Image = npt.NDArray[np.uint8]


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
        """The plan for the ``count`` pictures of an anchor set or a batch; the same whoever asks, and when."""
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
    """``image`` (H, W, 3) uint8 RGB as entry ``number`` of ``plan`` wants it; ``image`` may be written over."""
    kind = plan.kind[number]
    if kind == FLIP:
        return cv2.flip(image, 1)  # type: ignore[no-any-return]
    if kind == GRAYSCALE:
        return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)  # type: ignore[no-any-return]
    if kind == JITTER:
        planes = cv2.split(image)
        jitter(*(plane.ravel() for plane in planes), plan.order[number], plan.strength[number])
        cv2.merge(planes, dst=image)
    return image
