"""How an index lies on disk: a folder with one flat file of numbers an array, and ``index.json``."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from rmfer.shards.shard_files import Stamp
from rmset_builder.core.files import fsync_folder
from rmset_builder.shards.checksums import broken_files, write_sums
from rmset_builder.shards.schema import COLUMNS

ARRAYS: Mapping[str, npt.DTypeLike] = {
    "shard_start": np.int64,
    "video_start": np.int64,
    "video_person": np.int64,
    "person_start": np.int64,
    "frame": COLUMNS["frame"].kind.dtype,
    "identity": COLUMNS["identity"].kind.dtype,
    "offset": np.int64,
    "size": np.int32,
    "person_row": np.int32,
    "person_frame": np.int32,
}
_SMALL = ("shard_start", "video_start", "video_person", "person_start")


class IndexWriter:
    """Appends to the arrays of an index that is being made."""

    def __init__(self, files: Mapping[str, BinaryIO]) -> None:
        self.files = files

    def append(self, name: str, values: npt.ArrayLike) -> None:
        """Write ``values`` behind what array ``name`` has."""
        np.ascontiguousarray(values, ARRAYS[name]).tofile(self.files[name])


@contextmanager
def new_index(place: Path, told: dict[str, Any]) -> Iterator[IndexWriter]:
    """A folder to write an index into; after the block it is at ``place`` with ``told`` as its JSON, or nothing is."""
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    temporary.mkdir()
    try:
        with ExitStack() as stack:
            files = {name: stack.enter_context((temporary / f"{name}.bin").open("wb")) for name in ARRAYS}
            yield IndexWriter(files)
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
        with (temporary / "index.json").open("w") as text:
            json.dump(told, text)
            text.flush()
            os.fsync(text.fileno())
        write_sums(temporary)
        fsync_folder(temporary)
        shutil.rmtree(place, ignore_errors=True)
        temporary.rename(place)
        fsync_folder(place.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_told(place: Path) -> dict[str, Any]:
    """The JSON that `new_index` wrote, its shards as `Stamp`."""
    told: dict[str, Any] = json.loads((place / "index.json").read_text())
    told["shards"] = [Stamp(*shard) for shard in told["shards"]]
    return told


def is_whole(place: Path) -> bool:
    """Whether all files of the index at ``place`` are as they were written, and have an entry a row."""
    if broken_files(place):
        return False
    rows = int(np.fromfile(place / "shard_start.bin", np.int64)[-1:].sum())
    sizes = {name: rows * np.dtype(dtype).itemsize for name, dtype in ARRAYS.items() if name not in _SMALL}
    return all((place / f"{name}.bin").stat().st_size == size for name, size in sizes.items())


def map_arrays(place: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of the index at ``place``: those with an entry a row mapped and shared, the small ones read."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, dtype in ARRAYS.items():
        path = place / f"{name}.bin"
        if name in _SMALL or path.stat().st_size == 0:
            arrays[name] = np.fromfile(path, dtype)
        else:
            # As a plain array: slices of a memmap cost microseconds each.
            arrays[name] = np.memmap(path, dtype, mode="r").view(np.ndarray)
    return arrays
