"""Table 2 of the RMFER paper's supplement, as printed: what RMset held when its authors counted it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Counts(NamedTuple):
    """One row of Table 2, its columns in the paper's order.

    ``faces`` are the different people of each video, ``frames`` those of the videos, ``images`` the pictures of faces.
    """

    videos: int = 0
    faces: int = 0
    frames: int = 0
    images: int = 0


def add_up(rows: Iterable[Counts]) -> Counts:
    """The sum of ``rows``, column by column; zeros where there are none.

    Example:
        >>> add_up(TABLE_2.values()).images
        45570579
    """
    return Counts(*(sum(column) for column in zip(Counts(), *rows, strict=True)))


TABLE_2 = {
    "Happiness, Surprise": Counts(videos=48, faces=702, frames=562_261, images=7_763_728),
    "Sadness": Counts(videos=30, faces=657, frames=418_141, images=6_334_245),
    "Fear, Surprise": Counts(videos=64, faces=985, frames=561_164, images=7_367_635),
    "Disgust, Contempt": Counts(videos=60, faces=938, frames=1_392_316, images=21_492_401),
    "Anger": Counts(videos=14, faces=196, frames=206_817, images=2_612_570),
}

PRINTED_TOTAL = Counts(videos=216, faces=3_478, frames=3_140_699, images=45_570_580)

NOTE = (
    f"The paper prints a total of {PRINTED_TOTAL.images:,} images; "
    f"the rows of its Table 2 add up to {add_up(TABLE_2.values()).images:,}, one fewer."
)
