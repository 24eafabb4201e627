"""The pictures of a benchmark, by number: where they lie, their bytes, their pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from rmfer.errors import BenchmarkError
from rmfer.labelled.archive import Tree, is_file

# Decoded pictures are kept where all of them take no more than this, bytes.
KEEP = 512 << 20

Pixels = npt.NDArray[np.uint8]


class Images(Protocol):
    """Pictures by number; threads may read side by side."""

    def __len__(self) -> int: ...

    def name_of(self, number: int) -> str:
        """What an error calls the picture."""

    def key_of(self, number: int) -> str:
        """Its name within the benchmark, the same wherever that lies."""

    def read(self, number: int) -> bytes:
        """Its encoded bytes."""

    def decode(self, number: int) -> Pixels:
        """(H, W, 3) RGB; not to be written to."""


class Kept(ABC):
    """Pictures that stay in memory once they are decoded, if there is room for all of them."""

    def __init__(self) -> None:
        self._kept: dict[int, Pixels] = {}
        self._room = KEEP
        self._keep: bool | None = None

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _decode(self, number: int) -> Pixels: ...

    def decode(self, number: int) -> Pixels:
        """See `Images`."""
        if (kept := self._kept.get(number)) is not None:
            return kept
        pixels = self._decode(number)
        pixels.flags.writeable = False
        if self._keep is None:
            self._keep = pixels.nbytes * len(self) <= KEEP
        if self._keep and pixels.nbytes <= self._room:
            self._room -= pixels.nbytes
            self._kept[number] = pixels
        return pixels


class ImageFiles(Kept):
    """Pictures that are files of a tree.

    Args:
        tree: where they lie.
        names: of the files.
        boxes: (N, 4) int64, x, y, width, height of the part that counts; without one, all of the picture.
    """

    def __init__(self, tree: Tree, names: Sequence[str], boxes: npt.NDArray[np.int64] | None = None) -> None:
        super().__init__()
        self.tree, self.names, self.boxes = tree, list(names), boxes

    def __len__(self) -> int:
        return len(self.names)

    def name_of(self, number: int) -> str:
        """See `Images`."""
        return self.tree.where(self.names[number])

    def key_of(self, number: int) -> str:
        """See `Images`."""
        return self.names[number]

    def read(self, number: int) -> bytes:
        """See `Images`."""
        return self.tree.read(self.names[number])

    def _decode(self, number: int) -> Pixels:
        data = self.read(number)
        try:
            found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        except cv2.error:
            found = None
        if found is None:
            what = "cannot be decoded" if data else "is empty"
            raise BenchmarkError(self.name_of(number), what, remedy="put the picture there as it was distributed")
        pixels = cv2.cvtColor(found, cv2.COLOR_BGR2RGB)
        if self.boxes is not None:
            pixels = _cut(pixels, self.boxes[number].tolist())
        return pixels  # type: ignore[no-any-return]

    def there(self, numbers: Sequence[int]) -> list[bool]:
        """Whether the files of ``numbers`` are there, without opening them.

        A file whose name has other capitals is there too, and is known by its own name from then on.
        """
        found, folders = [], dict[str, dict[str, str]]()
        for number in numbers:
            name = self.names[number]
            if not (there := is_file(self.tree, name)):
                folder, _, file = name.rpartition("/")
                if folder not in folders:
                    folders[folder] = {one.casefold(): one for one in self.tree.files(folder)}
                if there := (own := folders[folder].get(file.casefold())) is not None:
                    self.names[number] = f"{folder}/{own}" if folder else str(own)
            found.append(there)
        return found


def _cut(pixels: Pixels, box: list[int]) -> Pixels:
    """The part of a picture within x, y, width, height; all of it where nothing is within."""
    x, y, width, height = box
    part = pixels[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    return np.ascontiguousarray(part) if part.size else pixels
