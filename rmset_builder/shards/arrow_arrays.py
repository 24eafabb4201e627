"""Arrow arrays made of the memory that holds their values, and back.

``pyarrow.array`` and ``to_numpy`` look whether they are given something of pandas, and import pandas to know, where
that is installed: a fifth of a second, of which a command that reads or writes a few shards has no use.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_MOST_BYTES = np.iinfo(np.int32).max


def numbers(values: npt.NDArray[Any]) -> pa.Array:
    """Numbers or flags (n,); those of an array without gaps are not copied, and must stay as they are."""
    flat = np.packbits(values, bitorder="little") if values.dtype == bool else np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(flat)])


def binaries(values: Sequence[bytes]) -> pa.Array:
    """Some bytes in each row.

    Raises:
        ValueError: together they are 2 GB and more, which one array cannot hold.
    """
    return _variable(values, pa.binary())


def texts(values: Sequence[str]) -> pa.Array:
    """A text in each row.

    Raises:
        UnicodeEncodeError: it has half of a surrogate pair, which no file can hold.
        ValueError: together they are 2 GB and more.
    """
    return _variable([value.encode() for value in values], pa.string())


def vectors(values: npt.NDArray[Any], width: int) -> pa.Array:
    """So many numbers in each row: (n, ``width``)."""
    flat = numbers(values.ravel())
    return pa.Array.from_buffers(pa.list_(flat.type, width), len(values), [None], children=[flat])


def values_of(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """The numbers of an array (n,), which may not be written to; with gaps or flags as pyarrow gives them."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if array.null_count or not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    dtype = np.dtype(array.type.to_pandas_dtype())
    if not len(array):  # where there need not be any memory
        return np.empty(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def _variable(values: Sequence[bytes], kind: pa.DataType) -> pa.Array:
    ends = np.fromiter(itertools.accumulate(map(len, values), initial=0), np.int64, len(values) + 1)
    if ends[-1] > _MOST_BYTES:
        raise ValueError(f"{ends[-1]:,} bytes are more than one array holds")
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(kind, len(values), buffers)
