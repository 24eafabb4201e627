"""A benchmark: its splits, its classes, and how its pictures are normalised."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from rmfer.labelled.images import Pixels
from rmfer.labelled.split import Split

_MEASURED = 2000
_LOOKED_AT = 100

Levels = tuple[float, float, float]


class Normalisation(NamedTuple):
    """Mean and standard deviation of red, green and blue in [0, 1]."""

    mean: Levels
    std: Levels


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A benchmark as it lies in a folder or a zip.

    Args:
        kind: "ferplus", "raf-db", "affectnet-csv", "affectnet-npy", "fer2013", "celeba" or "folders".
        title: as papers call it.
        path: the folder or zip.
        classes: 7 or 8 expressions; 0 where it has none (CelebA).
        splits: by name: "train", "test", and where there is a third, "valid".
        known: normalisation of training pictures and of all others, where it is published.
        notes: what its user should know.
    """

    kind: str
    title: str
    path: Path
    classes: int
    splits: Mapping[str, Split]
    known: tuple[Normalisation, Normalisation] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def mean(self) -> Levels:
        """Of training pictures, red, green, blue in [0, 1]."""
        return self._training.mean

    @property
    def std(self) -> Levels:
        """Of training pictures."""
        return self._training.std

    @property
    def eval_mean(self) -> Levels:
        """Of the pictures of other splits; the training pictures', unless others are published."""
        return self.known[1].mean if self.known else self.mean

    @property
    def eval_std(self) -> Levels:
        """Of the pictures of other splits."""
        return self.known[1].std if self.known else self.std

    @cached_property
    def is_grey(self) -> bool:
        """Whether all of at most 100 evenly spaced training pictures are grey.

        Raises:
            BenchmarkError: a picture cannot be decoded.
        """
        split = self.splits["train"]
        return all(_grey(split.decode(number)) for number in _spaced(len(split), _LOOKED_AT))

    @cached_property
    def digest(self) -> str:
        """Of all names and labels."""
        parts = [self.kind, str(self.classes), *(self.splits[name].digest for name in sorted(self.splits))]
        return hashlib.blake2b(" ".join(parts).encode(), digest_size=16).hexdigest()

    @cached_property
    def _training(self) -> Normalisation:
        return self.known[0] if self.known else measure(self.splits["train"])


def measure(split: Split) -> Normalisation:
    """Mean and deviation over pixels of at most 2,000 evenly spaced pictures, each counting alike whatever its size.

    Raises:
        BenchmarkError: a picture cannot be decoded.
    """
    means, squares = [], []
    for number in _spaced(len(split), _MEASURED):
        mean, deviation = cv2.meanStdDev(split.decode(number))
        means.append(mean[:, 0])
        squares.append(deviation[:, 0] ** 2 + mean[:, 0] ** 2)
    mean = np.mean(means, axis=0)
    # A set of one flat colour still has to be divided by something.
    std = np.sqrt(np.maximum(np.mean(squares, axis=0) - mean**2, 1.0))
    return Normalisation(_levels(mean), _levels(std))


def _spaced(count: int, most: int) -> list[int]:
    """At most ``most`` of the numbers below ``count``, evenly spaced."""
    chosen: list[int] = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)).tolist()
    return chosen


def _grey(pixels: Pixels) -> bool:
    return bool((pixels == pixels[..., :1]).all())


def _levels(values: np.typing.NDArray[np.float64]) -> Levels:
    red, green, blue = (round(float(value) / 255, 6) for value in values)
    return red, green, blue
