"""Boxes and point sets: overlap, non-maximum suppression, similarity transforms. Pure functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]


def iou_matrix(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of ``a`` (n, 4) with every box of ``b`` (m, 4): (n, m) in 0..1."""
    intersection = _intersections(a, b)
    union = areas(a)[:, None] + areas(b)[None, :] - intersection
    return np.asarray(intersection / np.maximum(union, 1e-9))


def covered_share(a: Floats, b: Floats) -> Floats:
    """Intersection of every box of ``a`` (n, 4) with every box of ``b`` (m, 4) over the smaller's area: (n, m)."""
    smaller = np.minimum(areas(a)[:, None], areas(b)[None, :])
    return np.asarray(_intersections(a, b) / np.maximum(smaller, 1e-9))


def _intersections(a: Floats, b: Floats) -> Floats:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return _products(high - low)


def longer_sides(boxes: Floats) -> Floats:
    """The longer side of boxes (n, 4), pixels: (n,)."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(axis=1))


def areas(boxes: Floats) -> Floats:
    """Areas of boxes (n, 4) in square pixels: (n,)."""
    return _products(boxes[:, 2:] - boxes[:, :2])


def _products(sides: Floats) -> Floats:
    """Areas of (..., 2) sides; those of a side that is negative are 0."""
    inside = np.maximum(sides, 0)
    return np.asarray(inside[..., 0] * inside[..., 1])


def suppress(boxes: Floats, scores: Floats, *, threshold: float) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression as insightface's SCRFD does it (widths count both border pixels).

    Args:
        boxes: (n, 4) pixels.
        scores: (n,).
        threshold: a box that overlaps a better one by more than this is left out.

    Returns:
        Indices of the boxes that stay, best first.
    """
    left, top, right, bottom = boxes.T
    sizes = (right - left + 1) * (bottom - top + 1)
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        width = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest]) + 1
        height = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest]) + 1
        overlap = np.maximum(width, 0) * np.maximum(height, 0)
        order = rest[overlap / (sizes[best] + sizes[rest] - overlap) <= threshold]
    return np.array(kept, dtype=np.intp)


def similarity_transform(source: Floats, target: Floats) -> npt.NDArray[np.float64]:
    """The rotation, uniform scale and shift that bring ``source`` nearest to ``target`` in the least-squares sense.

    Args:
        source: (..., k, 2) points.
        target: (k, 2) points.

    Returns:
        (..., 2, 3) matrices M with M @ [x, y, 1] near the target; no reflection.
    """
    source = np.asarray(source, np.float64)
    target = np.asarray(target, np.float64)
    source_mean, target_mean = source.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    s, t = source - source_mean, target - target_mean
    norm = np.maximum((s**2).sum((-2, -1)), 1e-12)
    cosine = (s * t).sum((-2, -1)) / norm
    sine = (s[..., 0] * t[..., 1] - s[..., 1] * t[..., 0]).sum(-1) / norm
    linear = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    shift = target_mean[..., 0, :] - (linear @ source_mean[..., 0, :, None])[..., 0]
    return np.concatenate([linear, shift[..., None]], -1)
