"""Batches in which each expression is as frequent as the others, for measures of attention."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rmfer.data.rng import ANALYSIS, uniforms

SIZE = 32
Int64s = npt.NDArray[np.int64]


def balanced_batches(labels: Int64s, count: int, *, size: int = SIZE, seed: int = 42) -> Int64s:
    """(count, size) places in ``labels`` (n,), of each class equally many in every batch, or one more.

    Within a batch none comes twice where its class has enough. Which classes have one more changes from batch to batch.
    """
    classes = np.unique(labels)
    members = [np.flatnonzero(labels == label) for label in classes]
    chosen = np.empty((count, size), np.int64)
    for number in range(count):
        own: list[int] = []
        for place, rows in enumerate(members):
            turn = (place + number) % len(classes)
            wanted = size // len(classes) + (turn < size % len(classes))
            numbers = uniforms(len(rows), seed=seed, epoch=place, number=number, purpose=ANALYSIS)
            order = rows[np.argsort(numbers, kind="stable")]
            own += np.resize(order, wanted).tolist()
        chosen[number] = own
    return chosen


def balanced_sample(labels: Int64s, count: int, *, seed: int = 42) -> Int64s:
    """At most ``count`` places in ``labels`` (n,), of each class equally many as far as it has them, in order."""
    classes = np.unique(labels)
    chosen: list[int] = []
    for place, label in enumerate(classes):
        rows = np.flatnonzero(labels == label)
        numbers = uniforms(len(rows), seed=seed, epoch=place, number=0, attempt=1, purpose=ANALYSIS)
        share = count // len(classes) + (place < count % len(classes))
        chosen += rows[np.argsort(numbers, kind="stable")[:share]].tolist()
    return np.sort(np.asarray(chosen, np.int64))
