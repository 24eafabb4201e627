"""How the people of a video look when they are drawn: the colour of each, their marks, their faces blurred."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from rmset_builder.drawing.marks import Colour, Mark, Pixels

# Of Okabe and Ito, told apart by people who see no red, no green or no blue. Their black, which the seam of every line
# has, is light grey here.
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (222, 222, 218),
)
# Of 114 faces in ten frames of a mashup the detector still took 17 for faces at 6 pixels a side, and one at 4. A box
# ends at the hair and the ears.
_BLURRED_SIDE, _WIDER = 4, 0.2


@dataclass(frozen=True)
class FrameFaces:
    """The faces of one frame: (n,) identities, (n, 4) boxes and (n, 5, 2) landmarks in its pixels."""

    frame: int
    identity: npt.NDArray[np.int32]
    boxes: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32]

    @classmethod
    def none(cls, frame: int) -> FrameFaces:
        """A frame without faces."""
        return cls(frame, np.empty(0, np.int32), np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32))

    def of(self, identities: Collection[int]) -> FrameFaces:
        """Only the faces of some people; of all where there are none."""
        if not identities:
            return self
        kept = np.isin(self.identity, list(identities))
        return FrameFaces(self.frame, self.identity[kept], self.boxes[kept], self.landmarks[kept])


@dataclass(frozen=True)
class Style:
    """What is drawn of people: these ``identities`` alone (all where empty), their numbers, every face blurred."""

    identities: frozenset[int] = frozenset()
    labels: bool = True
    blur: bool = False


def colour_of(identity: int) -> Colour:
    """A person's colour, the same in every frame; from the ninth person on colours come again, and numbers tell."""
    return PALETTE[identity % len(PALETTE)]


def marks_of(faces: FrameFaces, *, labels: bool) -> list[Mark]:
    """A mark for each face, in its person's colour; with ``labels`` the person's number is beside it."""
    rows = zip(faces.identity.tolist(), faces.boxes.tolist(), faces.landmarks.tolist(), strict=True)
    return [
        Mark(colour_of(identity), str(identity) if labels else "", tuple(box), tuple((x, y) for x, y in points))
        for identity, box, points in rows
    ]


def blur_area(box: npt.NDArray[np.float32], width: int, height: int) -> tuple[int, int, int, int]:
    """The pixels x0, y0, x1, y1 of a picture that are blurred for a face's box: a fifth of it more on every side."""
    x0, y0, x1, y1 = box.tolist()
    right, down = _WIDER * (x1 - x0), _WIDER * (y1 - y0)
    left, top = max(0, int(np.floor(x0 - right))), max(0, int(np.floor(y0 - down)))
    return left, top, min(width, int(np.ceil(x1 + right))), min(height, int(np.ceil(y1 + down)))


def blurred(picture: Pixels, boxes: npt.NDArray[np.float32]) -> Pixels:
    """A copy of a picture (h, w, 3) in which faces are a few blots of colour, out of which nothing comes back.

    Args:
        picture: uint8.
        boxes: (n, 4) of the faces, pixels; see `blur_area`.
    """
    found = picture.copy()
    height, width = picture.shape[:2]
    for box in boxes:
        left, top, right, bottom = blur_area(box, width, height)
        if left < right and top < bottom:
            few = cv2.resize(found[top:bottom, left:right], (_BLURRED_SIDE,) * 2, interpolation=cv2.INTER_AREA)
            found[top:bottom, left:right] = cv2.resize(
                few, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR
            )
    return found
