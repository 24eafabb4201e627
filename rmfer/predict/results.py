"""What is found in pictures and videos, as JSON and as a line for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Box = tuple[float, float, float, float]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Face:
    """A face and its expression.

    Attributes:
        probabilities: (C,) float32, of the expressions in the canonical order.
        box: x0, y0, x1, y1, pixels of the picture; None where the picture is the face.
        score: how sure the detector is of it, in 0 .. 1.
        identity: in a video, who it is: 0 .. n - 1.
        track: in a video, one unbroken appearance.
    """

    probabilities: Probabilities
    box: Box | None = None
    score: float | None = None
    identity: int | None = None
    track: int | None = None

    @property
    def label(self) -> int:
        """The most probable expression."""
        return int(self.probabilities.argmax())

    @property
    def probability(self) -> float:
        """Of the most probable expression."""
        return float(self.probabilities.max())

    def as_json(self, names: Sequence[str]) -> dict[str, Any]:
        """As plain values; ``names`` (C,) of the expressions."""
        told: dict[str, Any] = {}
        if self.identity is not None:
            told |= {"identity": self.identity, "track": self.track}
        if self.box is not None and self.score is not None:
            told |= {"box": [round(side, 1) for side in self.box], "score": round(self.score, 4)}
        return told | expression_json(self.probabilities, names)


def expression_json(probabilities: Probabilities, names: Sequence[str]) -> dict[str, Any]:
    """The most probable expression, and the probabilities of all."""
    shares = [round(float(share), 6) for share in probabilities]
    label = int(probabilities.argmax())
    return {
        "label": names[label],
        "probability": shares[label],
        "probabilities": dict(zip(names, shares, strict=True)),
    }


def told(faces: Iterable[Face], names: Sequence[str], *, most: int = 6) -> str:
    """Faces in half a line, such as ``2 faces: happiness 98 %, neutral 51 %``."""
    every = list(faces)
    if not every:
        return "no face"
    listed = ", ".join(f"{names[face.label]} {100 * face.probability:.0f} %" for face in every[:most])
    more = f", and {len(every) - most:,} more" if len(every) > most else ""
    return f"{len(every):,} face{'' if len(every) == 1 else 's'}: {listed}{more}"
