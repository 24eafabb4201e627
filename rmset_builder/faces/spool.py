"""JPEG files of one video's faces while it is being extracted: appended to one file, found again by number.

Who is who is known only at a video's end, so the faces wait here, on disk and not in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt


class Spool:
    """An append-only file of JPEG pictures. Memory: 8 bytes a picture."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=1 << 20)
        self._ends: list[npt.NDArray[np.int64]] = []
        self._offsets = np.zeros(1, np.int64)
        self._size = 0

    def append(self, pictures: Sequence[bytes]) -> None:
        """Add pictures; the first ever added has number 0."""
        if not pictures:
            return
        self._file.writelines(pictures)
        ends = self._size + np.cumsum([len(picture) for picture in pictures], dtype=np.int64)
        self._ends.append(ends)
        self._size = int(ends[-1])

    def read(self, numbers: Iterable[int]) -> list[bytes]:
        """The pictures with these numbers."""
        if self._ends:
            self._file.flush()
            self._offsets = np.concatenate([self._offsets, *self._ends])
            self._ends = []
        # Not through the file's own buffer, which would be filled anew for every picture.
        descriptor, offsets = self._file.fileno(), self._offsets
        return [os.pread(descriptor, offsets[n + 1] - offsets[n], offsets[n]) for n in numbers]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
