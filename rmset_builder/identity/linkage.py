"""Average linkage under a rule that keeps some apart.

SciPy's `linkage` followed by `fcluster` makes the same groups. To import them takes longer than all of this for a video
of some minutes, and extraction has no other use for them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def average_linkage(
    alike: npt.NDArray[np.float64], apart: npt.NDArray[np.bool_], least: float
) -> npt.NDArray[np.int64]:
    """Groups whose members are more alike than ``least`` on average.

    Whoever are most alike become one group first, two groups being as alike as their members are on average, and never
    where any two of them are apart. Groups are found by chains of nearest neighbours, in time and memory of n x n.

    Args:
        alike: (n, n) similarities, symmetric.
        apart: (n, n) who may not be in one group, symmetric.
        least: similarity that is not enough.

    Returns:
        (n,) the group of each, by the number of one of its members.
    """
    groups = np.arange(len(alike))
    mean = np.where(apart, -np.inf, alike)
    np.fill_diagonal(mean, -np.inf)
    size = np.ones(len(alike))
    for start in range(len(alike)):
        # Each link is the nearest of the one before; two that are each other's nearest become one.
        chain = [start] if groups[start] == start else []
        while chain:
            last = chain[-1]
            nearest = int(mean[last].argmax())
            if len(chain) > 1 and mean[last, chain[-2]] >= mean[last, nearest]:
                nearest = chain[-2]
                del chain[-2:]
                _join(mean, size, nearest, last)
                groups[groups == last] = nearest
                chain = chain or [nearest]
            elif mean[last, nearest] > least:
                chain.append(nearest)
            else:
                chain.pop()
    return groups


def _join(mean: npt.NDArray[np.float64], size: npt.NDArray[np.float64], into: int, other: int) -> None:
    """Make one group of two: nobody is as alike to ``other`` as to anybody from now on."""
    joined = (size[into] * mean[into] + size[other] * mean[other]) / (size[into] + size[other])
    size[into] += size[other]
    mean[other] = mean[:, other] = -np.inf
    joined[[into, other]] = -np.inf
    mean[into] = mean[:, into] = joined
