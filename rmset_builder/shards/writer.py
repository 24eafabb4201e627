"""How a video's shards are written: all of them whole before any has its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from rmset_builder.core.files import whole_file
from rmset_builder.shards.columns import PICTURES, REPEATED
from rmset_builder.shards.layout import find_shards, shard_path
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import ROWS_PER_GROUP, FaceRows, contract, shard_schema, to_batch

ROWS_PER_SHARD = 32_768
# Every JPEG is longer than this, and so fills a page of Parquet by itself; numbers share pages of this size.
PAGE_BYTES = 1024


def write_shards(
    folder: Path, video: str, rows: int, blocks: Callable[[int, int], FaceRows], metadata: ShardMetadata
) -> list[Path]:
    """Write all shards of a video; none takes its final name before all of them are whole.

    Numbers are compressed with zstd; the JPEG bytes are stored as they are, without a dictionary, each in a page of its
    own with a checksum. Parquet's offset index tells where every page lies, so one picture costs one small read.

    Args:
        folder: where shards lie.
        video: the video's id.
        rows: number of faces; a video without any gets one shard without rows.
        blocks: gives the rows ``start`` .. ``stop - 1`` of the video, in shard order; memory holds one block.
        metadata: what every shard tells; which part it is, is added.

    Returns:
        The shards' paths, in order.
    """
    parts = max(1, -(-rows // ROWS_PER_SHARD))
    paths = [shard_path(folder, video, part) for part in range(parts)]
    with ExitStack() as stack:
        temporaries = [stack.enter_context(whole_file(path)) for path in reversed(paths)]
        for part, temporary in enumerate(reversed(temporaries)):
            first, last = part * ROWS_PER_SHARD, min((part + 1) * ROWS_PER_SHARD, rows)
            starts = range(first, last, ROWS_PER_GROUP)
            own = replace(metadata, part=part, parts=parts)
            _write(temporary, video, (blocks(s, min(s + ROWS_PER_GROUP, last)) for s in starts), own, FaceRows)
    for surplus in find_shards(folder):
        if surplus.video == video and surplus.part >= parts:
            surplus.path.unlink()
    return paths


def write_shard(
    path: Path,
    video: str,
    blocks: Iterable[FaceRows],
    metadata: ShardMetadata,
    row_class: type[FaceRows] = FaceRows,
) -> None:
    """One shard, of the columns that ``row_class`` has."""
    with whole_file(path) as temporary:
        _write(temporary, video, blocks, metadata, row_class)


def _write(
    path: Path, video: str, blocks: Iterable[FaceRows], metadata: ShardMetadata, row_class: type[FaceRows]
) -> None:
    columns, schema = contract(row_class).values(), shard_schema(metadata.to_strings(), row_class)
    numbers = [column for column in columns if column.kind is not PICTURES]
    with pq.ParquetWriter(
        path,
        schema,
        compression={column.name: "zstd" if column in numbers else "none" for column in columns},
        use_dictionary=[column.name for column in columns if column.kind is REPEATED],
        # Smallest and largest JPEG mean nothing, and would be written twice into every page's header.
        write_statistics=[column.leaf for column in numbers],
        write_page_index=True,
        write_page_checksum=True,
        data_page_size=PAGE_BYTES,
        write_batch_size=1,  # a page's size is looked at after each batch
    ) as writer:
        for block in blocks:
            writer.write_batch(to_batch(video, block, schema), row_group_size=ROWS_PER_GROUP)
