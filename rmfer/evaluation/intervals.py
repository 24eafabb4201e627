"""How sure accuracies and recalls are.

Accuracies: percentile bootstrap over images. Drawing N images anew, with replacement, draws N of the confusion matrix's
entries by their shares, so one multinomial of its C x C counts gives the very distribution that drawing images one by
one would, at no cost that grows with N.

Recalls: Wilson's score interval, as each is a plain share of a class's images; where none or all of a few images are
right, a bootstrap would claim to be certain.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rmfer.evaluation.accuracy import Counts, average_accuracy, overall_accuracy

LEVEL = 0.95
DRAWS = 10_000
SEED = 42


class Interval(NamedTuple):
    """From ``low`` to ``high``, both in [0, 1]."""

    low: float
    high: float


class AccuracyIntervals(NamedTuple):
    """Of overall and of average accuracy."""

    overall: Interval
    average: Interval


def accuracy_intervals(
    confusion: Counts, *, draws: int = DRAWS, level: float = LEVEL, seed: int = SEED
) -> AccuracyIntervals:
    """Bootstrap confidence intervals of the accuracies of a confusion matrix (C, C).

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
    return AccuracyIntervals(_between(overall_accuracy(drawn), level), _between(average_accuracy(drawn), level))


def recall_intervals(confusion: Counts, *, level: float = LEVEL) -> tuple[Interval | None, ...]:
    """(C,) Wilson's score interval of each class's recall; None for a class without an image."""
    pairs = zip(np.diagonal(confusion).tolist(), confusion.sum(axis=1).tolist(), strict=True)
    return tuple(wilson(correct, count, level=level) if count else None for correct, count in pairs)


def wilson(correct: int, count: int, *, level: float = LEVEL) -> Interval:
    """Wilson's score interval of the share ``correct / count``.

    Example:
        >>> [round(bound, 3) for bound in wilson(0, 10)]
        [0.0, 0.278]
    """
    from scipy.stats import binomtest  # noqa: PLC0415  nearly a second, which no command's help should take

    found = binomtest(correct, count).proportion_ci(confidence_level=level, method="wilson")
    return Interval(float(found.low), float(found.high))


def _between(values: npt.NDArray[np.float64], level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
