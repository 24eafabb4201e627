"""Random numbers that depend on where they are used and on nothing else: Philox, its counter set, not advanced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

DRAW, AUGMENT, LABELLED, LABELLED_AUGMENT, RANDOM_SETS, RANDOM_SETS_AUGMENT, HOLD_OUT, MIXUP, FACES, CROPS, AFFINE = (
    range(11)
)
PRIOR_SETS, STYLES, PART, VIEWS, UNLABELLED, ANALYSIS = range(11, 17)

Floats = npt.NDArray[np.float64]


def uniforms(count: int, *, seed: int, epoch: int, number: int, attempt: int = 0, purpose: int = DRAW) -> Floats:
    """(count,) numbers in [0, 1), of the anchor set ``number`` of an epoch.

    Made from Philox's raw output, which is fixed by its definition, not from numpy's distributions, which may change.
    """
    philox = np.random.Philox(key=seed, counter=[0, number, epoch, attempt << 8 | purpose])
    raw: npt.NDArray[np.uint64] = philox.random_raw(count)
    values: Floats = ((raw >> np.uint64(11)) * 2.0**-53).astype(np.float64, copy=False)
    return values


def choose(numbers: Sequence[float], size: int) -> list[int]:
    """As many different numbers below ``size`` as there are ``numbers`` in [0, 1) (Floyd's algorithm).

    Example:
        >>> choose([0.5, 0.9, 0.2], 4)
        [1, 2, 0]
        >>> choose([0.0, 0.0], 2)
        [0, 1]
    """
    chosen: dict[int, None] = {}
    for last, number in enumerate(numbers, size - len(numbers)):
        pick = int(number * (last + 1))
        chosen[last if pick in chosen else pick] = None
    return list(chosen)
