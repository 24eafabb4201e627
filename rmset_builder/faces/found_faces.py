"""What was found in a video before anybody knows whose faces they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array
from rmset_builder.tracking.tracker import TrackRows


@dataclass(frozen=True)
class FoundFaces:
    """Every face of a video before anyone knows whose it is.

    Attributes:
        rows: the faces; row i's picture is number i of the spool.
        sharpness: (n,) float32.
        keyframes: the number of frames that the detector has seen.
        cuts: ascending numbers of the frames with which a new shot of the whole picture begins.
        doubts: (k, 2) int32, track and frame where a track's picture has changed slowly, perhaps into another face.
        transitions: ascending numbers of frames by which the picture had changed so in most places.
    """

    rows: TrackRows
    sharpness: Array
    keyframes: int
    cuts: npt.NDArray[np.int32]
    doubts: npt.NDArray[np.int32]
    transitions: npt.NDArray[np.int32]
