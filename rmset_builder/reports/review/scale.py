"""One scale for the scores of all kinds of doubts: 0.5 at the border between harmless and wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Floats

LEAST = 0.4
"""Score from which on a doubt is worth somebody's time."""

SURE = 0.75
"""The most that is said of what is judged by other things than embeddings: by places, times, sizes."""

# Cosine similarity of embeddings at which what is never seen side by side is as likely one person as two; and what is:
# somebody who is shown twice looks the same in both places.
_APART = 0.30
_SIDE_BY_SIDE = 0.55
# So far from the border a similarity leaves no doubt.
_SURE_AT = 0.2


def one_person(similarity: Floats, side_by_side: npt.NDArray[np.bool_]) -> Floats:
    """The scores of what is wrong if it is one person, by cosine similarities and by who is seen side by side.

    Example:
        >>> one_person(np.array([0.0, 0.30, 0.34, 0.8]), np.zeros(4, bool)).round(3).tolist()
        [0.0, 0.5, 0.6, 1.0]
        >>> one_person(np.array([0.34, 0.55]), np.ones(2, bool)).round(3).tolist()
        [0.0, 0.5]
    """
    borders = np.where(side_by_side, _SIDE_BY_SIDE, _APART)
    return np.asarray(np.clip(0.5 + (similarity - borders) / (2 * _SURE_AT), 0, 1))


def two_people(similarity: float, side_by_side: bool) -> float:
    """The score of what is wrong if it is two people: what is missing to 1 of `one_person`."""
    return 1 - float(one_person(np.array([similarity]), np.array([side_by_side]))[0])


def short_of(amounts: Floats, border: float) -> Floats:
    """The scores of amounts that are wrong where they are small: 1 for nothing, 0.5 at ``border``, 0 from twice it on.

    Example:
        >>> short_of(np.array([16.0, 32.0, 90.0]), 32).tolist()
        [0.75, 0.5, 0.0]
    """
    return np.asarray(np.clip(1 - amounts / (2 * border), 0, 1))


def weighted_median(values: Floats, weights: npt.NDArray[np.integer]) -> float:
    """The value by which half of the weight is reached, of values (n,) with weights (n,), n > 0.

    Example:
        >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([5, 1, 1]))
        3.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
