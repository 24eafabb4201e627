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


def open_checked(path: Path) -> Any:
    """``pyarrow.parquet.ParquetFile`` that raises OSError where a page is not as it was written.

    Raises:
        OSError: the file is missing, cannot be read, is not Parquet, or its footer is damaged or cannot be true: a row
            of ours takes more than a byte, and a few bytes that stand for thousands of millions of rows are made to
            use up memory.
        pyarrow.ArrowException: it is not whole.
    """
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except UnicodeDecodeError as error:
        raise OSError("its footer is damaged") from error
    rows, size = file.metadata.num_rows, path.stat().st_size
    if not 0 <= rows <= size:
        file.close()
        raise OSError(f"its footer promises {rows:,} rows in {size:,} bytes")
    return file


def read_checked(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The table of a file, or some ``columns`` of it; raises as `open_checked` does."""
    with open_checked(path) as file:
        return file.read(columns=None if columns is None else list(columns), use_threads=False)


def write_checked(table: pa.Table, path: Path) -> None:
    """Write ``table`` with checksums."""
    pq.write_table(table, path, write_page_checksum=True)
