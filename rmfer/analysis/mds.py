"""Projections as points in a plane, by metric multidimensional scaling (Fig. 4, Table 14)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClassDistances:
    """How far from their class's centre its points are on average, in the plane.

    ``raw`` (C,), and ``relative`` (C,), divided by the root mean square distance of all points from their centre, so
    that planes of different networks can be compared; NaN of a class without points.
    """

    raw: Points
    relative: Points


def plane_of(z: npt.NDArray[np.floating]) -> Points:
    """(n, 2) points whose distances are as near as can be to 1 - cosine of the rows of ``z`` (n, D).

    Metric MDS: SMACOF from where classical scaling puts the points, so that nothing is drawn at random. Takes memory
    for some n x n matrices: for hundreds of faces.
    """
    from sklearn.manifold import smacof  # noqa: PLC0415 (a second)

    unit = (z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)).astype(np.float64)
    apart = np.clip(1 - unit @ unit.T, 0, 2)
    np.fill_diagonal(apart, 0)
    points: Points = smacof((apart + apart.T) / 2, init=_classical(apart), n_init=1, normalized_stress=False)[0]
    return points


def _classical(apart: Points) -> Points:
    """Torgerson's scaling of distances (n, n) to (n, 2)."""
    squares = np.square(apart)
    centred = squares - squares.mean(0) - squares.mean(1, keepdims=True) + squares.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    largest: Points = vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0))
    # Which way an eigenvector points is arbitrary.
    signs = np.sign(largest[np.abs(largest).argmax(0), [0, 1]])
    return largest * np.where(signs == 0, 1, signs)


def class_distances(points: Points, labels: Labels, *, classes: int) -> ClassDistances:
    """Mean Euclidean distance of each class's points to their mean (Table 14).

    Args:
        points: (n, 2).
        labels: (n,).
        classes: C.
    """
    raw = np.full(classes, np.nan)
    for label in np.unique(labels):
        own = points[labels == label]
        raw[label] = np.linalg.norm(own - own.mean(axis=0), axis=1).mean()
    radius = np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=1).mean())
    return ClassDistances(raw, raw / radius)
