"""Overall and average accuracy and recalls, all of them of one confusion matrix (supplement, Eq. 1 and 2).

A confusion matrix is (C, C): row = the label, column = the expression found, so each image is counted once. Every
function takes stacks of them too, (..., C, C).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


def confusion_matrix(labels: npt.ArrayLike, found: npt.ArrayLike, *, classes: int) -> Counts:
    """(C, C) how often each label (N,) was taken for each expression (N,).

    Raises:
        ValueError: they are not equally many, or not all within 0 .. C - 1.

    Example:
        >>> confusion_matrix([0, 0, 1], [0, 1, 1], classes=2).tolist()
        [[1, 1], [0, 1]]
    """
    rows, columns = np.asarray(labels, np.int64), np.asarray(found, np.int64)
    if rows.shape != columns.shape or rows.ndim != 1:
        raise ValueError(f"labels are {rows.shape}, expressions found {columns.shape}")
    for values in (rows, columns):
        if len(values) and not (values.min() >= 0 and values.max() < classes):
            raise ValueError(f"expressions from {values.min()} to {values.max()} are not within 0 .. {classes - 1}")
    return np.bincount(rows * classes + columns, minlength=classes * classes).reshape(classes, classes)


def overall_accuracy(confusion: npt.NDArray[Any]) -> Any:
    """Correct images / all images, in [0, 1]; a float, or (...) for a stack; nan without an image."""
    correct = np.trace(confusion, axis1=-2, axis2=-1)
    return _plain(_ratio(correct, confusion.sum(axis=(-2, -1))))


def average_accuracy(confusion: npt.NDArray[Any]) -> Any:
    """Mean of the recalls of the classes that have an image, in [0, 1]; a float, or (...) for a stack."""
    counts = confusion.sum(axis=-1)
    correct = np.diagonal(confusion, axis1=-2, axis2=-1)
    recalls = np.divide(correct, counts, out=np.zeros(counts.shape), where=counts > 0)
    return _plain(_ratio(recalls.sum(axis=-1), (counts > 0).sum(axis=-1)))


def class_recalls(confusion: npt.NDArray[Any]) -> Shares:
    """(..., C) share of each label's images that were recognised; nan for a class without an image."""
    return _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1))


def row_shares(confusion: npt.NDArray[Any]) -> Shares:
    """(..., C, C) the matrix with rows that add up to 1, as in the paper's Fig. 2; nan in rows without an image."""
    return _ratio(confusion, confusion.sum(axis=-1, keepdims=True))


def absent_classes(confusion: npt.NDArray[Any]) -> tuple[int, ...]:
    """Classes of a matrix (C, C) that no image is labelled with; average accuracy leaves them out."""
    return tuple(np.flatnonzero(confusion.sum(axis=1) == 0).tolist())


def _ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Shares:
    top, bottom = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    found: Shares = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return found


def _plain(values: Shares) -> Any:
    return values.item() if values.ndim == 0 else values
