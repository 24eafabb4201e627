"""How sure it is that runs of one kind are better than those of another, on the same images.

Runs differ by their seed, images by how hard they are: both are drawn anew, with replacement. Every draw takes the same
images for all runs, and where runs are in pairs (the same seed on both sides), the same pairs, so that what both sides
share falls out of the difference.

Images of one class that the same runs are right about are alike, so one multinomial of how many there are of each kind
gives the very distribution that drawing images one by one would: a hundred kinds cost less than thousands of images.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rmfer.evaluation.intervals import LEVEL, SEED, Interval

DRAWS = 10_000
_AT_ONCE = 500

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Difference(NamedTuple):
    """A measure's mean over the runs of either side, in [0, 1], and how sure their difference is."""

    ours: float
    theirs: float
    interval: Interval

    @property
    def value(self) -> float:
        """ours - theirs."""
        return self.ours - self.theirs


class McNemar(NamedTuple):
    """Images that one run alone gets right; how likely so uneven counts are if both are as good (exact, two-sided)."""

    ours_alone: int
    theirs_alone: int
    p: float


def differences(
    ours: Bools,
    theirs: Bools,
    labels: npt.NDArray[np.int64],
    *,
    in_pairs: bool,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = SEED,
) -> dict[str, Difference]:
    """Of overall and of average accuracy, with percentile bootstrap intervals over runs and images.

    Args:
        ours: (S, N) whether run s is right about image n.
        theirs: (T, N) likewise.
        labels: (N,) from 0.
        in_pairs: run s of the one side belongs to run s of the other, S = T.
        draws: how often runs and images are drawn.
        level: share of the draws within an interval.
        seed: of the draws.

    Raises:
        ValueError: no run, no image, or pairs of unequally many runs.
    """
    if not len(labels) or not len(ours) or not len(theirs) or (in_pairs and len(ours) != len(theirs)):
        raise ValueError(f"{len(ours)} and {len(theirs)} runs on {len(labels)} images cannot be compared")
    numbers = np.random.Generator(np.random.Philox(seed))
    kinds, counts = np.unique(np.concatenate([labels[None], ours, theirs]), axis=1, return_counts=True)
    ours, theirs = (side.astype(np.bool_) for side in np.split(kinds[1:], [len(ours)]))
    classes = np.eye(labels.max() + 1, dtype=np.float64)[:, kinds[0]]
    once = counts[None].astype(np.float64)
    found: dict[str, list[Floats]] = {name: [] for name in MEASURES}
    for at in range(0, draws, _AT_ONCE):
        count = min(_AT_ONCE, draws - at)
        images = numbers.multinomial(len(labels), counts / len(labels), size=count).astype(np.float64)
        first = _shares(numbers, len(ours), count)
        second = first if in_pairs else _shares(numbers, len(theirs), count)
        for name, measure in MEASURES.items():
            one, other = (measure(side, classes, images) for side in (ours, theirs))
            found[name].append((first * one).sum(0) - (second * other).sum(0))
    told = {}
    for name, measure in MEASURES.items():
        low, high = np.quantile(np.concatenate(found[name]), [(1 - level) / 2, (1 + level) / 2])
        mean, against = (float(measure(side, classes, once).mean()) for side in (ours, theirs))
        told[name] = Difference(mean, against, Interval(float(low), float(high)))
    return told


def mcnemar(ours: Bools, theirs: Bools) -> McNemar:
    """McNemar's exact test of two runs (N,) on the same images.

    Example:
        >>> mcnemar(np.array([True] * 5 + [False]), np.array([False] * 5 + [False]))
        McNemar(ours_alone=5, theirs_alone=0, p=0.0625)
    """
    one, other = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    total = one + other
    tail = sum(math.comb(total, k) for k in range(min(one, other) + 1))
    return McNemar(one, other, min(1.0, 2 * tail / 2**total) if total else 1.0)


def _shares(numbers: np.random.Generator, runs: int, count: int) -> Floats:
    """(runs, count) how much each run counts in each draw."""
    drawn: Floats = numbers.multinomial(runs, np.full(runs, 1 / runs), size=count).T / runs
    return drawn


def _overall(correct: Bools, classes: Floats, images: Floats) -> Floats:
    """(S, draws) share of right ones, with how many images of each kind each draw (draws, K) has."""
    found: Floats = correct @ images.T / images.sum(1)
    return found


def _average(correct: Bools, classes: Floats, images: Floats) -> Floats:
    """(S, draws) mean of the recalls of the classes (C, K) that have an image."""
    own = (correct[:, None] * classes).reshape(-1, classes.shape[1])
    right = (own @ images.T).reshape(len(correct), len(classes), -1)
    total = classes @ images.T
    recalls = np.divide(right, total, out=np.zeros_like(right), where=total > 0)
    found: Floats = recalls.sum(1) / (total > 0).sum(0)
    return found


MEASURES = {"overall": _overall, "average": _average}
