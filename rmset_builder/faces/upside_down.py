"""Tracks of faces that stand on their heads: the detector finds those too, but takes the chin for a brow.

Its landmarks then lie in the order of an upright face, so that the aligned picture shows the face upside down. Turned
by half a circle, such a picture is a face of which the detector is surer.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array
from rmset_builder.detection.base import Detector, InputSize
from rmset_builder.detection.faces import Image
from rmset_builder.faces.jpeg import decode_jpeg
from rmset_builder.faces.spool import Spool

# The size of input at which upright faces and others are told apart best; larger ones know both too well.
INPUT_SIZE = InputSize(64, 64)
# Of whole mashups on their heads no track has less than .20; of upright ones, none of 259 has more than -.06.
SURER = 0.1
# A track of whose first face the detector is less sure by this much once it is turned needs no second one.
CLEARLY_UPRIGHT = -0.1


def upside_down_tracks(
    faces: Sequence[npt.NDArray[np.intp]], spool: Spool, detector: Detector, pool: Executor
) -> npt.NDArray[np.bool_]:
    """Which tracks show a face upside down, (tracks,).

    Args:
        faces: of each track, the numbers in the spool of the faces that stand for it.
        spool: the aligned faces.
        detector: for inputs of `INPUT_SIZE`.
        pool: runs decoding and detection.
    """

    def surer(pictures: list[bytes]) -> float:
        found = 0.0
        for picture in pictures:
            found += float(surer_when_turned([decode_jpeg(picture)], detector)[0])
            if found < CLEARLY_UPRIGHT:  # as nearly all are at the first face
                return found
        return found / len(pictures)

    return np.array(list(pool.map(surer, map(spool.read, faces)))) >= SURER


def surer_when_turned(faces: Sequence[Image], detector: Detector) -> Array:
    """How much higher the detector scores each aligned face (side, side, 3) turned by half a circle, (n,) -1 .. 1."""
    turned = [np.ascontiguousarray(face[::-1, ::-1]) for face in faces]
    return np.asarray(detector.surest(turned) - detector.surest(faces))


def upside_down_note(left_out: int, kept: int) -> str:
    """A note for people where more faces stand on their heads than do not: perhaps the whole video does."""
    if left_out <= kept:
        return ""
    return (
        f"{left_out:,} faces upside down were left out; if the whole video is: "
        "ffmpeg -display_rotation 180 -i IN -c copy OUT"
    )
