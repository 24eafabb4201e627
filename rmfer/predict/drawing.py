"""Faces and their expressions drawn onto a picture. Nothing here reads or writes a file."""

from __future__ import annotations

from collections.abc import Sequence

from rmfer.predict.results import Face
from rmset_builder.drawing.marks import Colour, Mark, Pixels, draw_marks, scale_for

__all__ = ["COLOURS", "annotate", "scale_for"]

# In the canonical order: neutral happiness sadness surprise fear disgust anger contempt.
COLOURS: tuple[Colour, ...] = (
    (226, 226, 220),
    (255, 205, 60),
    (90, 160, 245),
    (255, 146, 62),
    (178, 132, 240),
    (112, 196, 92),
    (240, 84, 84),
    (74, 200, 190),
)


def annotate(picture: Pixels, faces: Sequence[Face], names: Sequence[str]) -> Pixels:
    """A copy of a picture (h, w, 3) RGB with a box around each face and its expression beside it.

    It is `scale_for` times larger. Labels keep clear of each other and, where there is room, of other faces.

    Args:
        picture: uint8.
        faces: found in it.
        names: (C,) of the expressions.
    """
    return draw_marks(picture, [_mark(face, names) for face in faces])


def _mark(face: Face, names: Sequence[str]) -> Mark:
    text = f"{names[face.label]}  {100 * face.probability:.0f} %"
    return Mark(COLOURS[face.label], text, face.box)
