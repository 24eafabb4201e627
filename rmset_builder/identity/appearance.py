"""The order in which people and tracks are numbered: that of their first appearance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def in_order_of_appearance(
    frame: npt.NDArray[np.int32], then: npt.NDArray[np.generic], label: npt.NDArray[np.integer]
) -> npt.NDArray[np.int32]:
    """Labels (n,), none negative, renumbered 0.. by their first row in order of (frame, then)."""
    order = np.lexsort((then, frame))
    old, first = np.unique(label[order], return_index=True)
    ranked = old[np.argsort(first, kind="stable")]
    new: npt.NDArray[np.int32] = np.empty(int(label.max()) + 1 if len(label) else 0, np.int32)
    new[ranked] = np.arange(len(ranked), dtype=np.int32)
    return np.asarray(new[label])
