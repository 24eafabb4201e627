"""What the tests of the store share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rmfer.errors import RmferError
from rmfer.shards import ImageReader, open_index

Make = Callable[..., list[Path]]


def rewrite(path: Path, metadata: dict[str, str] | None = None, **options: Any) -> None:
    """The shard again, by pyarrow's defaults."""
    table = pq.read_table(path)
    told = {**table.schema.metadata, **{k.encode(): v.encode() for k, v in (metadata or {}).items()}}
    pq.write_table(table.replace_schema_metadata(told), path, **options)


def check_fault(folder: Path, name: str, fault: str, remedy: str, *, left: int) -> None:
    """Opening ends with file, fault and remedy; with ``skip_bad`` the rest serves."""
    with pytest.raises(RmferError) as raised:
        open_index(folder)
    told = str(raised.value)
    assert told.startswith(f"{folder / name}: ")
    assert fault in told
    assert remedy in told
    assert told.endswith("or leave such shards out with --skip-bad (in Python skip_bad=True)")
    found = open_index(folder, skip_bad=True)
    assert len(found) == left
    assert [error.path.name for error in found.faults] == [name]
    list(ImageReader(found).read_many(range(left)))
