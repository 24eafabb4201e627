"""How sure an accuracy is: the percentile bootstrap over images.

Drawing N images anew, with replacement, draws N of the confusion matrix's entries by their shares. So a multinomial
of the C x C counts gives exactly the same distribution as drawing the images one by one, at no cost that grows with N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rmfer.measures.accuracy import Counts, average_accuracy, class_recalls, overall_accuracy

LEVEL = 0.95
DRAWS = 10_000
SEED = 42


class Interval(NamedTuple):
    """From ``low`` to ``high``, both in [0, 1]."""

    low: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """Confidence intervals of overall and average accuracy and of each class's recall; None for an absent class."""

    overall: Interval
    average: Interval
    recalls: tuple[Interval | None, ...]


def bootstrap(confusion: Counts, *, draws: int = DRAWS, level: float = LEVEL, seed: int = SEED) -> Intervals:
    """Percentile confidence intervals of the accuracies of a confusion matrix (C, C).

    Images are drawn from the whole split and not class by class, so the classes' shares vary as they would in another
    split of its kind. A draw in which a class is missing leaves it out of its average, as `average_accuracy` does.

    Args:
        confusion: at least one image.
        draws: splits that are drawn.
        level: share of the draws within an interval.
        seed: of the draws.

    Raises:
        ValueError: the matrix has no image.
    """
    total = int(confusion.sum())
    if not total:
        raise ValueError("a confusion matrix without an image")
    numbers = np.random.Generator(np.random.Philox(seed))
    drawn = numbers.multinomial(total, confusion.ravel() / total, size=draws).reshape(draws, *confusion.shape)
    recalls = class_recalls(drawn)
    return Intervals(
        _between(overall_accuracy(drawn), level),
        _between(average_accuracy(drawn), level),
        tuple(
            _between(own[~np.isnan(own)], level) if confusion[label].sum() else None
            for label, own in enumerate(recalls.T)
        ),
    )


def _between(values: npt.NDArray[np.float64], level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
