"""From pictures of a split to normalised tensors: what the loaders' threads do."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from rmfer.data.augment import NOTHING, AugmentPlan, augment
from rmfer.data.kernels import normalize_lines
from rmfer.labelled.benchmark import Levels
from rmfer.labelled.split import Int64s, Split

# Pictures that one thread takes at a time.
PIECE = 16


@dataclass
class Filling:
    """A batch on its way: ``out`` (n, H, W, 3) float32 is there when all ``pieces`` are."""

    items: Int64s
    out: Tensor
    pieces: list[Future[None]]

    def wait(self) -> Tensor:
        """(n, 3, H, W), channels last in memory.

        Raises:
            BenchmarkError: of the first picture that cannot be read or decoded.
        """
        for piece in self.pieces:
            piece.result()
        return self.out.permute(0, 3, 1, 2)

    def cancel(self) -> None:
        """Cancel the pictures that have not begun."""
        for piece in self.pieces:
            piece.cancel()


class Filler:
    """Decodes, resizes, augments and normalises with threads.

    Args:
        split: whose pictures.
        size: H and W.
        mean: of red, green, blue in [0, 1].
        std: of the same.
        workers: threads.
    """

    def __init__(self, split: Split, *, size: int, mean: Levels, std: Levels, workers: int) -> None:
        self.split, self.size = split, size
        self._scale = np.tile(np.asarray([1 / (255 * s) for s in std], np.float32), size)
        self._shift = np.tile(-np.asarray(mean, np.float32) / np.asarray(std, np.float32), size)
        self._scratch = threading.local()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="pictures")

    def close(self) -> None:
        """End the threads; what they have not begun they never begin."""
        self._pool.shutdown(cancel_futures=True)

    def start(self, items: Int64s, out: Tensor, plan: AugmentPlan | None) -> Filling:
        """Let the threads fill ``out`` (n, H, W, 3) float32 with the pictures ``items``."""
        array = out.numpy()
        pieces = [
            self._pool.submit(self._fill, items, range(at, min(at + PIECE, len(items))), plan, array)
            for at in range(0, len(items), PIECE)
        ]
        return Filling(items, out, pieces)

    def _fill(self, items: Int64s, places: range, plan: AugmentPlan | None, out: npt.NDArray[np.float32]) -> None:
        if not hasattr(self._scratch, "pixels"):
            self._scratch.pixels = np.empty((self.size, self.size, 3), np.uint8)
        scratch = self._scratch.pixels
        for place in places:
            pixels = self.split.decode(int(items[place]))
            if pixels.shape != scratch.shape:
                shrinks = pixels.shape[0] * pixels.shape[1] > self.size**2
                how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
                pixels = cv2.resize(pixels, (self.size, self.size), dst=scratch, interpolation=how)
            elif plan is not None and plan.kind[place] != NOTHING:
                np.copyto(scratch, pixels)
                pixels = scratch
            if plan is not None:
                pixels = augment(pixels, plan, place)
            normalize_lines(pixels.reshape(self.size, -1), self._scale, self._shift, out[place].reshape(self.size, -1))
