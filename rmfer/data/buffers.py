"""Memory for batches, used again once no reference to the batch that was in it is left."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class BufferPool:
    """Gives out tensors of one shape; a fresh one where all are held.

    Fresh memory costs a page fault every 4 KiB, which for a batch of pictures is as long as decoding a tenth of them.

    Args:
        shape: of each tensor.
        dtype: uint8 or float32.
        pinned: page-locked memory, out of torch's own pool, which knows of copies to a device that still go on.
    """

    def __init__(self, shape: tuple[int, ...], dtype: type[np.generic], *, pinned: bool) -> None:
        self.shape, self.dtype, self.pinned = shape, dtype, pinned
        self._free: list[npt.NDArray[Any]] = []
        self._lock = threading.Lock()

    def take(self) -> Tensor:
        """A contiguous tensor with anything in it; its memory comes back when it and all views of it are gone."""
        if self.pinned:
            dtype = torch.uint8 if self.dtype is np.uint8 else torch.float32
            return torch.empty(self.shape, dtype=dtype, pin_memory=True)
        with self._lock:
            memory = self._free.pop() if self._free else np.empty(self.shape, self.dtype)
        view = memory.view()
        weakref.finalize(view, self._free.append, memory).atexit = False
        return torch.from_numpy(view)
