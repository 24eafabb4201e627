"""One flipped bit at a chosen place of a Parquet file, whose truth pyarrow's own metadata tell."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq


def flip(path: Path, at: int, bit: int = 0) -> None:
    """Turn one bit of the byte at ``at`` around."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


def picture_at(path: Path, row: int) -> int:
    """Where the JPEG of ``row`` lies in a shard: pictures stand there as they are, in the order of rows."""
    content, at = path.read_bytes(), 0
    for image in pq.read_table(path, columns=["image"])["image"].to_pylist()[: row + 1]:
        at = content.index(image["bytes"], at) + 1
    return at - 1


def chunk_end(path: Path, column: str, group: int = 0) -> int:
    """The byte behind a column's last page in a row group."""
    row_group = pq.read_metadata(path).row_group(group)
    for number in range(row_group.num_columns):
        chunk = row_group.column(number)
        if chunk.path_in_schema.partition(".")[0] == column:
            begins = chunk.dictionary_page_offset or chunk.data_page_offset
            return int(begins + chunk.total_compressed_size)
    raise KeyError(column)
