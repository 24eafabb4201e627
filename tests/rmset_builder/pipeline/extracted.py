"""What the tests of extraction read of shards."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from rmset_builder.demo.scene import Image

Finished = subprocess.CompletedProcess[str]

Rmset = Callable[..., Finished]

MakeClip = Callable[..., Path]


def shard(out: Path, video: str = "demo") -> pa.Table:
    return pq.read_table(out / f"{video}-00000.parquet")


def column(table: pa.Table, name: str) -> npt.NDArray[Any]:
    return np.array(table.column(name).to_pylist())


def picture(row: dict[str, Any]) -> Image:
    """The face of a row, BGR."""
    decoded = cv2.imdecode(np.frombuffer(row["image"]["bytes"], np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(decoded, np.uint8)


def contents(out: Path) -> dict[str, str]:
    """The hash of every file that two runs must have in common: all but the record of times and versions."""
    files = [path for path in out.rglob("*.parquet") if path.name != "videos.parquet"]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}
