"""The one place where a shard's rows become arrays, pictures or record batches again, every page's checksum compared.

What goes wrong is raised as pyarrow has it; within `telling`, as an error that names video, rows and remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards.checked_parquet import open_checked, read_checked
from rmset_builder.shards.damage import tell_damage
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.pages import PageError, locate_pages, picture, read_footer, row_groups
from rmset_builder.shards.schema import COLUMNS, ROWS_PER_GROUP, FaceRows, from_batch, joined, taken
from rmset_builder.shards.videos_table import extract_again, read_videos
from rmset_builder.storage.blobs import RemoteFile, opened, stands_for

_PICTURE = COLUMNS["image"]


def read_columns(path: Path, *names: str) -> tuple[npt.NDArray[Any], ...]:
    """Columns of numbers of a shard by their names, (rows,) or (rows, width) each, of the contract's dtype."""
    table = read_checked(path, names)
    return tuple(COLUMNS[name].kind.from_arrow(table[name].combine_chunks()) for name in names)


def read_batches(path: Path, rows: int = ROWS_PER_GROUP) -> Iterator[pa.RecordBatch]:
    """The rows of a shard in order, so many at a time, as Arrow has them."""
    with open_checked(path) as shard:
        yield from shard.iter_batches(batch_size=rows, use_threads=False)


def read_blocks(path: Path, rows: int = ROWS_PER_GROUP) -> Iterator[FaceRows]:
    """The rows of a shard in order, so many at a time."""
    for batch in read_batches(path, rows):
        yield from_batch(batch, FaceRows)


def read_images(path: Path, wanted: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """The JPEG files of the ``wanted`` rows of a shard, each with its row; row groups without any are not read."""
    rows, first = np.unique(np.fromiter(wanted, np.int64)), 0
    if stands_for(path) is not None:
        yield from _read_pages(path, rows)
        return
    with open_checked(path) as shard:
        for group in range(shard.num_row_groups):
            end = first + shard.metadata.row_group(group).num_rows
            inside = rows[np.searchsorted(rows, first) : np.searchsorted(rows, end)]
            if len(inside):
                column = shard.read_row_group(group, columns=[_PICTURE.leaf])[_PICTURE.name].combine_chunks()
                images = column.field("bytes")
                for row in inside:
                    yield int(row), images[int(row) - first].as_py()
            first = end


def _read_pages(path: Path, rows: npt.NDArray[np.int64]) -> Iterator[tuple[int, bytes]]:
    """Single pictures of an object in a bucket: their pages alone, each with its checksum, side by side."""
    with open_checked(path) as shard, opened(path) as file:
        column = [shard.schema.column(number).path for number in range(len(shard.schema))].index(_PICTURE.leaf)
        groups = row_groups(read_footer(file.pread, file.size))
        indexes = [group.chunks[column].index for group in groups]
        known = [index for index in indexes if index is not None]
        if not len(rows):
            return
        if len(known) < len(indexes) or any(group.chunks[column].compression for group in groups):
            raise OSError("it has no offset index of plain pictures; rewrite it: rmset export --to shards")
        offset, size = locate_pages([file.pread(one.length, one.offset) for one in known], known)
        if isinstance(file, RemoteFile):
            file.want([(int(offset[row]), int(offset[row] + size[row])) for row in rows])
        for row in rows.tolist():
            first = int(np.searchsorted(offset, offset[row]))  # where pages hold several pictures
            yield row, bytes(picture(file.pread(int(size[row]), int(offset[row])), row - first))


def without_identity(path: Path, identity: int) -> Iterator[FaceRows]:
    """The rows of a shard without one person's, whose followers move up, in blocks of the usual size."""
    kept: list[FaceRows] = []
    for block in read_blocks(path):
        others = taken(block, np.flatnonzero(block.identity != identity))
        kept.append(replace(others, identity=others.identity - (others.identity > identity)))
        while sum(map(len, kept)) >= ROWS_PER_GROUP:
            whole = joined(kept)
            yield taken(whole, np.arange(ROWS_PER_GROUP))
            kept = [taken(whole, np.arange(ROWS_PER_GROUP, len(whole)))]
    if sum(map(len, kept)):
        yield joined(kept)


@contextmanager
def telling(shard: ShardFile) -> Iterator[None]:
    """Reading within the block raises RmsetError where ``shard`` is damaged: it names video, rows and remedy."""
    try:
        yield
    except (pa.ArrowException, OSError, PageError) as error:
        folder = shard.path.parent
        try:
            record = read_videos(folder).get(shard.video)
        except RmsetError:  # the table has a fault of its own, told by whoever reads it
            record = None
        raise RmsetError(
            f"{shard.path} cannot be read (video {shard.video}, {tell_damage(shard.path, error)})",
            remedy=extract_again(folder, record),
        ) from error
