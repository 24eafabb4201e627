"""The faces of a picture, as every detector gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array, suppress

Image = npt.NDArray[np.uint8]

NMS_THRESHOLD = 0.4


@dataclass(frozen=True)
class Faces:
    """The faces of one picture, best first: ``boxes`` (n, 4) and ``landmarks`` (n, 10) source pixels, ``scores`` (n,).

    Boxes are x0, y0, x1, y1; landmarks x, y of left eye, right eye, nose, left and right mouth corner, left and right
    as they stand in the picture. All float32.
    """

    boxes: Array
    landmarks: Array
    scores: Array

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: Any) -> Self:
        return type(self)(self.boxes[rows], self.landmarks[rows], self.scores[rows])

    @classmethod
    def none(cls) -> Self:
        """No face."""
        return cls(np.empty((0, 4), np.float32), np.empty((0, 10), np.float32), np.empty(0, np.float32))

    @classmethod
    def best(cls, boxes: Array, landmarks: Array, scores: Array) -> Self:
        """The faces that overlap no better one, best first."""
        return cls(boxes, landmarks, scores)[suppress(boxes, scores, threshold=NMS_THRESHOLD)]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All faces of ``parts``, of which those that overlap a better one are left out."""
        if len(parts) == 1:
            return parts[0]
        boxes, landmarks, scores = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("boxes", "landmarks", "scores")
        )
        return cls.best(boxes, landmarks, scores)
