"""Made-up people."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array
from rmset_builder.identity.clustering import IdentityRules

RULES = IdentityRules(same_person=0.40, solid=12, join=0.30, twice=0.75, doubt=0.20)

SIZE = 64


def unit(vectors: npt.NDArray[np.float64]) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def people(seed: int, *, who: int, tracks: int, spread: float) -> tuple[npt.NDArray[np.int64], Array]:
    """Tracks of some people who are not alike at all, and whose each is."""
    rng = np.random.default_rng(seed)
    centres = np.sqrt(SIZE) * np.linalg.qr(rng.normal(size=(SIZE, who)))[0].T
    truth = rng.integers(0, who, tracks)
    return truth, unit(centres[truth] + spread * rng.normal(size=(tracks, SIZE)))
