"""An order in which those who look alike stand side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

# Turning each branch the best way takes time with the square of their number and more.
_MOST_TURNED = 400


def by_similarity(means: npt.NDArray[np.float32]) -> list[int]:
    """The numbers of identities in the order of a tree's leaves, clustered by the cosine of their mean embeddings.

    Args:
        means: (n, d), of any length; of whom nothing is known all are 0.

    Example:
        >>> by_similarity(np.array([[1, 0], [0, 1], [1, 0.1], [0.1, 1]], np.float32))
        [0, 2, 3, 1]
    """
    if len(means) < 3:
        return list(range(len(means)))
    lengths = np.linalg.norm(means.astype(np.float64), axis=1, keepdims=True)
    units = means / np.where(lengths > 0, lengths, 1)
    distance = np.clip(1 - units @ units.T, 0, 2)
    np.fill_diagonal(distance, 0)
    condensed = squareform(distance, checks=False)
    tree = linkage(condensed, "average", optimal_ordering=len(means) <= _MOST_TURNED)
    order: list[int] = leaves_list(tree).tolist()
    # Either direction is as good; the first to appear stands in the first half.
    return order if order.index(0) * 2 < len(order) else order[::-1]
