"""Our Parquet files, written with a checksum in every page and never read without comparing it.

Disks and copies flip bits. A page that is read unchecked gives other numbers or another picture, and writing what was
read would give it a new, right checksum.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rmset_builder.shards.pages import PageError, read_footer, row_groups
from rmset_builder.storage.blobs import RemoteFile, Seekable, opened, stands_for


def parquet_source(path: Path) -> Any:
    """What pyarrow reads a file through: its path, or where it stands for an object in a bucket, ranges of that."""
    blob = None if stands_for(path) is None else opened(path)
    return Seekable(blob) if isinstance(blob, RemoteFile) else path


def open_checked(path: Path | pa.NativeFile) -> Any:
    """``pyarrow.parquet.ParquetFile`` that raises OSError where a page is not as it was written.

    Raises:
        OSError: the file is missing, cannot be read, is not Parquet, or its footer is damaged or cannot be true: a row
            of ours takes more than a byte, and a few bytes that stand for thousands of millions of rows are made to
            use up memory.
        pyarrow.ArrowException: it is not whole.
    """
    try:
        source = parquet_source(path) if isinstance(path, Path) else path
        file = pq.ParquetFile(source, page_checksum_verification=True)
    except UnicodeDecodeError as error:
        raise OSError("its footer is damaged") from error
    rows, size = file.metadata.num_rows, path.stat().st_size if isinstance(path, Path) else path.size()
    if not 0 <= rows <= size:
        file.close()
        raise OSError(f"its footer promises {rows:,} rows in {size:,} bytes")
    return file


def read_checked(path: Path | pa.NativeFile, columns: Sequence[str] | None = None) -> pa.Table:
    """The table of a file, or some ``columns`` of it; raises as `open_checked` does."""
    with open_checked(path) as file:
        if columns is not None and isinstance(path, Path):
            _fetch_ahead(path, file, columns)
        return file.read(columns=None if columns is None else list(columns), use_threads=False)


def _fetch_ahead(path: Path, file: Any, columns: Sequence[str]) -> None:
    """Ask for the columns of all row groups side by side; one after the other each would be waited for."""
    if stands_for(path) is None:
        return
    with opened(path) as blob:
        if not isinstance(blob, RemoteFile):
            return
        wanted = [n for n in range(len(file.schema)) if file.schema.column(n).path.partition(".")[0] in columns]
        try:
            groups = row_groups(read_footer(blob.pread, blob.size))
            chunks = [group.chunks[n] for group in groups for n in wanted]
        except (PageError, IndexError):  # which pyarrow has its own words for
            return
        blob.want([(chunk.start, chunk.start + chunk.size) for chunk in chunks])


def write_checked(table: pa.Table, path: Any) -> None:
    """Write ``table`` with checksums to a file, or to what pyarrow writes to."""
    pq.write_table(table, path, write_page_checksum=True)
