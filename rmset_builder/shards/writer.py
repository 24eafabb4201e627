"""How a video's shards are written: all of them whole before any has its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rmset_builder.core.files import whole_file
from rmset_builder.shards.layout import find_shards, shard_path
from rmset_builder.shards.schema import COLUMNS, ROWS_PER_GROUP, FaceRows, shard_schema, to_batch

ROWS_PER_SHARD = 32_768
# Every JPEG is longer than this, and so fills a page of Parquet by itself; numbers share pages of this size.
PAGE_BYTES = 1024

_LEAVES_WITH_STATISTICS = [
    f"{name}.list.element" if pa.types.is_fixed_size_list(dtype) else name for name, dtype in COLUMNS if name != "image"
]


def write_shards(
    folder: Path, video: str, rows: int, blocks: Callable[[int, int], FaceRows], metadata: dict[str, str]
) -> list[Path]:
    """Write all shards of a video; none takes its final name before all of them are whole.

    Numbers are compressed with zstd; the JPEG bytes are stored as they are, without a dictionary, each in a page of its
    own with a checksum. Parquet's offset index tells where every page lies, so one picture costs one small read.

    Args:
        folder: where shards lie.
        video: the video's id.
        rows: number of faces; a video without any gets one shard without rows.
        blocks: gives the rows ``start`` .. ``stop - 1`` of the video, in shard order; memory holds one block.
        metadata: for the key-value metadata of every shard.

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
            own = {**metadata, "rmset.part": str(part), "rmset.parts": str(parts)}
            _write(temporary, video, (blocks(s, min(s + ROWS_PER_GROUP, last)) for s in starts), own)
    for surplus in find_shards(folder):
        if surplus.video == video and surplus.part >= parts:
            surplus.path.unlink()
    return paths


def _write(path: Path, video: str, blocks: Iterable[FaceRows], metadata: dict[str, str]) -> None:
    schema = shard_schema(metadata)
    compression = {name: "none" if name == "image" else "zstd" for name, _ in COLUMNS}
    with pq.ParquetWriter(
        path,
        schema,
        compression=compression,
        use_dictionary=["video"],
        # Smallest and largest JPEG mean nothing, and would be written twice into every page's header.
        write_statistics=_LEAVES_WITH_STATISTICS,
        write_page_index=True,
        write_page_checksum=True,
        data_page_size=PAGE_BYTES,
        write_batch_size=1,  # a page's size is looked at after each batch
    ) as writer:
        for block in blocks:
            writer.write_batch(to_batch(video, block, schema), row_group_size=ROWS_PER_GROUP)


def write_shard(path: Path, video: str, blocks: Iterable[FaceRows], metadata: dict[str, str]) -> None:
    """One shard."""
    with whole_file(path) as temporary:
        _write(temporary, video, blocks, metadata)
