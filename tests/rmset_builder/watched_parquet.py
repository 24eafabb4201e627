"""What is read of Parquet files."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq
import pytest

from rmset_builder.shards import checked_parquet


def watch_reads(monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple[int, Any]], list[Any]]:
    """Two lists that fill as files are read: row groups with their columns, and the columns of whole tables."""
    groups: list[tuple[int, Any]] = []
    tables: list[Any] = []

    class Watched(pq.ParquetFile):  # type: ignore[misc]
        def read_row_group(self, i: int, columns: Any = None, **rest: Any) -> Any:
            groups.append((i, columns))
            return super().read_row_group(i, columns=columns, **rest)

        def read(self, columns: Any = None, **rest: Any) -> Any:
            tables.append(columns)
            return super().read(columns=columns, **rest)

    monkeypatch.setattr(checked_parquet.pq, "ParquetFile", Watched)
    return groups, tables
