"""From rows to pixels: what the loader's threads do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
import torch
from torch import Tensor

from rmfer.data.augment import AugmentPlan, Finisher, make_grey
from rmfer.errors import ShardError
from rmfer.shards.images import ImageReader
from rmset_builder.decoder_limits import refuse_large_jpeg

log = logging.getLogger("rmfer")

# Small enough that all threads end together, large enough that handing work over costs nothing.
PIECE = 34

# libjpeg-turbo's quicker transform and colour upsampling.
QUICK = {"fastdct": True, "fastupsample": True}

Pixels = npt.NDArray[np.uint8]


@dataclass
class Filling:
    """Pictures on their way into a batch.

    ``out`` (n, H, W, 3) is uint8, or float32 to be augmented by ``plan`` and normalised; None where the files
    themselves are wanted, which then are in ``files`` (n, each (bytes,) uint8).
    """

    rows: npt.NDArray[np.int64]
    out: Tensor | None
    plan: AugmentPlan
    files: list[Tensor | None] = field(default_factory=list)
    pieces: list[Future[list[tuple[int, ShardError]]]] = field(default_factory=list)

    def faults(self) -> list[tuple[int, ShardError]]:
        """Wait; (place in the batch, why) of every picture that is not there."""
        return [fault for piece in self.pieces for fault in piece.result()]


class Decoder:
    """Reads and decodes pictures with threads; reading, checking and decoding leave the interpreter to the others.

    Args:
        reader: of the pictures.
        size: H and W; pictures of another size are resized.
        workers: threads.
        exact: decode as everybody does, or with libjpeg-turbo's quicker transform and colour upsampling.
        grey: make the pictures grey.
    """

    def __init__(self, reader: ImageReader, *, size: int, workers: int, exact: bool, grey: bool = False) -> None:
        self.reader, self.size, self.workers, self.grey = reader, size, workers, grey
        self._how = {} if exact else QUICK
        self._own = threading.local()
        # No part of OpenCV's is used here that would be faster with threads of its own.
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        # Asks for a step's pages when the step is queued, so that they are there when its turn to be decoded comes.
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="ahead")

    def close(self) -> None:
        """End the threads; what they have not begun they never begin."""
        self._ahead.shutdown(cancel_futures=True)
        self._pool.shutdown(cancel_futures=True)

    def start(self, filling: Filling, places: Sequence[int] | None = None) -> Filling:
        """Let the threads fill all of a batch, or ``places`` of it."""
        chosen = np.arange(len(filling.rows)) if places is None else np.asarray(places)
        if filling.out is None and not filling.files:
            filling.files = [None] * len(filling.rows)
        self._ahead.submit(self.reader.will_need, filling.rows[chosen])
        filling.pieces = [
            self._pool.submit(self._fill, filling, chosen[at : at + PIECE]) for at in range(0, len(chosen), PIECE)
        ]
        return filling

    def _fill(self, filling: Filling, places: npt.NDArray[np.int64]) -> list[tuple[int, ShardError]]:
        faults: list[tuple[int, ShardError]] = []
        rows = filling.rows[places]
        out = None if filling.out is None else filling.out.numpy()
        for place, row, found in zip(places.tolist(), rows.tolist(), self.reader.read_many(rows), strict=True):
            try:
                if isinstance(found, ShardError):
                    raise found
                if out is None:
                    filling.files[place] = torch.frombuffer(bytearray(found), dtype=torch.uint8)
                elif out.dtype == np.uint8:
                    self._decode(found, row, out[place])
                else:
                    self._finish(found, row, filling.plan, place, out)
            except ShardError as error:
                faults.append((place, error))
        return faults

    def _decode(self, file: memoryview, row: int, into: Pixels) -> None:
        """Decode into ``into`` (H, W, 3), RGB."""
        try:
            try:
                pixels = simplejpeg.decode_jpeg(file, "RGB", buffer=into, **self._how)
            except ValueError:  # too large for the buffer, or damaged
                refuse_large_jpeg(file)
                pixels = simplejpeg.decode_jpeg(file, "RGB", **self._how)
        except ValueError as error:
            raise self.reader.fault(row, f"its picture cannot be decoded ({error})") from error
        if pixels.shape != into.shape:
            into[:] = cv2.resize(pixels, into.shape[1::-1], interpolation=cv2.INTER_AREA)
        if self.grey:
            make_grey(into, into)

    def _finish(self, file: memoryview, row: int, plan: AugmentPlan, place: int, out: npt.NDArray[np.float32]) -> None:
        """Decode, augment and normalise."""
        if not hasattr(self._own, "finisher"):
            self._own.finisher = Finisher(self.size, grey=self.grey)
        finisher = self._own.finisher
        self._decode(file, row, finisher.pixels)
        finisher.finish(plan, place, out[place])
