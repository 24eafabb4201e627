"""Building an index: one pass over the shards' narrow columns and offset indexes, a video at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rmfer.errors import ShardError
from rmfer.shards.index_files import IndexWriter, is_whole, map_arrays, new_index, read_told
from rmfer.shards.shard_files import EXTRACT_AGAIN, ShardColumns, Stamp, read_columns, read_metadata
from rmset_builder.core.machine import usable_cores

# Indexes of another layout are never opened: raise this when anything about the files changes.
LAYOUT = 2

Progress = Callable[[int, int], None]


def build(
    folder: Path, shards: Sequence[Stamp], place: Path, *, older: Path | None = None, progress: Progress | None = None
) -> None:
    """Write the index of ``shards`` to ``place``; a shard that cannot be used is left out and reported.

    Args:
        folder: where the shards lie.
        shards: as they are now, sorted.
        place: the index's folder, which is there whole or not at all.
        older: an index of another state; what it has of unchanged shards is taken over.
        progress: told how many of how many shards are done.
    """
    told: dict[str, Any] = {"shards": [], "videos": [], "faults": [], "disorder": [], "parts": {}}
    known = _Known(older)
    with new_index(place, told) as writer, ThreadPoolExecutor(usable_cores(), thread_name_prefix="index") as pool:
        for name in ("shard_start", "video_start", "video_person", "person_start"):
            writer.append(name, [0])
        rows = persons = done = 0
        for video, group in groupby(shards, lambda shard: shard.video):
            own = list(group)
            results = list(pool.map(lambda shard: _read(folder, shard, known), own))
            whole = _in_order(folder, own, results, told)
            done += len(own)
            if progress is not None:
                progress(done, len(shards))
            if whole:
                columns = [part for _, part in whole]
                starts = rows + np.cumsum([len(part.frame) for part in columns])
                writer.append("shard_start", starts)
                told["shards"] += [[s.video, s.part, s.size, s.mtime_ns, s.footer_crc] for s, _ in whole]
                told["videos"].append(video)
                persons += _write_video(writer, columns, rows)
                rows = int(starts[-1])
                writer.append("video_start", [rows])
                writer.append("video_person", [persons])


class _Known:
    """The rows that an older index has of shards that did not change since."""

    def __init__(self, place: Path | None) -> None:
        self.slices: dict[Stamp, slice] = {}
        self.parts: dict[str, int] = {}
        self.arrays: Mapping[str, npt.NDArray[Any]] = {}
        if place is None:
            return
        try:
            if not is_whole(place):
                return  # what is damaged would be copied, and get a new checksum
            told, self.arrays = read_told(place), map_arrays(place)
        except (OSError, ValueError, KeyError, TypeError):
            return  # an index of another layout, or not whole: all is read anew
        starts = self.arrays["shard_start"].tolist()
        self.slices = {shard: slice(*starts[n : n + 2]) for n, shard in enumerate(told["shards"])}
        self.parts = told["parts"]

    def get(self, shard: Stamp) -> ShardColumns | None:
        """The columns of ``shard``, if known."""
        if (rows := self.slices.get(shard)) is None:
            return None
        return ShardColumns(*(self.arrays[name][rows] for name in ("frame", "identity", "offset", "size")))


Result = tuple[ShardColumns, int] | ShardError


def _read(folder: Path, shard: Stamp, known: _Known) -> Result:
    if (columns := known.get(shard)) is not None:
        return columns, known.parts.get(shard.video, 0)
    path = folder / shard.name
    try:
        _, metadata = read_metadata(path)
        # A number beyond what a name can tell is none.
        return read_columns(path), metadata.parts if metadata.parts and metadata.parts < 100_000 else 0
    except ShardError as error:
        return error


def _in_order(
    folder: Path, shards: Sequence[Stamp], results: Sequence[Result], told: dict[str, Any]
) -> list[tuple[Stamp, ShardColumns]]:
    """The shards that can be used; the others, and those whose frames overlap an earlier part's, are reported."""
    whole: list[tuple[Stamp, ShardColumns]] = []
    last, parts = -1, 0
    for shard, result in zip(shards, results, strict=True):
        if isinstance(result, ShardError):
            told["faults"].append([shard.name, result.message.removeprefix(f"{result.path}: "), result.remedy])
            continue
        columns, told_parts = result
        parts = max(parts, told_parts)
        if len(columns.frame) and columns.frame[0] < last:
            fault = "has frames from before the end of the part before it"
            told["disorder"].append([shard.name, fault, EXTRACT_AGAIN])
            continue
        last = int(columns.frame[-1]) if len(columns.frame) else last
        whole.append((shard, columns))
    if parts:
        told["parts"][shards[0].video] = parts
    return whole


def _write_video(writer: IndexWriter, columns: Sequence[ShardColumns], first_row: int) -> int:
    """Write a video's rows; returns how many identities it has."""
    for name in ("frame", "identity", "offset", "size"):
        for part in columns:
            writer.append(name, getattr(part, name))
    identity = np.concatenate([part.identity for part in columns])
    frame = np.concatenate([part.frame for part in columns])
    # Rows are sorted by frame already, so a stable sort by identity leaves each identity's rows so.
    order = np.argsort(identity, kind="stable")
    _, counts = np.unique(identity, return_counts=True)
    writer.append("person_start", first_row + np.cumsum(counts))
    writer.append("person_row", order)
    writer.append("person_frame", frame[order])
    return len(counts)
