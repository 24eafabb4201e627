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
    """Memory shared by two processes: one calls `share`, the other `receive`. It is freed when both have dropped it."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.size = size
        self._map = mmap.mmap(descriptor, size)
        os.close(descriptor)  # the map has one of its own

    @classmethod
    def share(cls, connection: Connection, size: int) -> SharedMemory:
        """New memory of ``size`` bytes, handed to the process at the other end."""
        descriptor = os.memfd_create("rmset-rows")
        os.ftruncate(descriptor, size)
        connection.send(size)
        reduction.send_handle(connection, descriptor, None)
        return cls(descriptor, size)

    @classmethod
    def receive(cls, connection: Connection) -> SharedMemory:
        """What the other end shares."""
        size = connection.recv()
        return cls(reduction.recv_handle(connection), size)

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


def room_for(arrays: Sequence[Rows]) -> int:
    """Bytes that `SharedMemory.write` needs."""
    return max(1, sum(_aligned(array.nbytes) for array in arrays))


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
