"""Rows and outputs between two processes: words through a socket, numbers through memory that both see.

The memory has no name and no place on disk, so that nothing is left of it whatever happens to either process.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[Any]
Shapes = list[tuple[tuple[int, ...], str]]

_ALIGNMENT = 64


class SharedMemory:
    """Memory of at least ``size`` bytes that can be handed to another process."""

    def __init__(self, size: int, *, descriptor: int | None = None) -> None:
        self.size = size
        self._descriptor = os.memfd_create("rmset-rows") if descriptor is None else descriptor
        if descriptor is None:
            os.ftruncate(self._descriptor, size)
        self._map = mmap.mmap(self._descriptor, size)

    def send(self, connection: Connection) -> None:
        """Hand it to the process at the other end, which calls `receive`."""
        connection.send(self.size)
        reduction.send_handle(connection, self._descriptor, None)

    @classmethod
    def receive(cls, connection: Connection) -> SharedMemory:
        """What the other end sent."""
        return cls(connection.recv(), descriptor=reduction.recv_handle(connection))

    def write(self, arrays: Sequence[Rows]) -> Shapes | None:
        """Put arrays after one another; their shapes and types for `read`, or None where they do not fit."""
        if room_for(arrays) > self.size:
            return None
        shapes: Shapes = [(array.shape, array.dtype.str) for array in arrays]
        for place, array in zip(self.read(shapes), arrays, strict=True):
            place[...] = array
        return shapes

    def read(self, shapes: Shapes) -> list[Rows]:
        """The arrays that were put there: views, which the next `write` of either process changes."""
        arrays, start = [], 0
        for shape, kind in shapes:
            count = int(np.prod(shape))
            arrays.append(np.frombuffer(self._map, kind, count, start).reshape(shape))
            start += _aligned(count * np.dtype(kind).itemsize)
        return arrays

    def close(self) -> None:
        """Give the memory back; views that somebody still has keep it for as long."""
        os.close(self._descriptor)


def room_for(arrays: Sequence[Rows]) -> int:
    """Bytes that `SharedMemory.write` needs."""
    return max(1, sum(_aligned(array.nbytes) for array in arrays))


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
