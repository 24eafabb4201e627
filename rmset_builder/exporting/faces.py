"""The rows of a shard as plain numbers and bytes, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from rmset_builder.shards.checked_parquet import open_checked
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.reader import unreadable
from rmset_builder.shards.schema import ROWS_PER_GROUP, FaceRows

NUMBERS = ("frame", "identity", "track", "time_s", "det_score", "sharpness")


def read_batches(shard: ShardFile) -> Iterator[pa.RecordBatch]:
    """The rows of ``shard`` in order, as many at a time as a row group of ours has.

    Raises:
        RmsetError: the shard is damaged.
    """
    try:
        with open_checked(shard.path) as file:
            yield from file.iter_batches(ROWS_PER_GROUP)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(shard, error) from error


def to_rows(batch: pa.RecordBatch) -> FaceRows:
    """A batch as the writer of shards takes it."""
    return FaceRows(
        **{name: batch[name].to_numpy() for name in NUMBERS},
        bbox=np.asarray(batch["bbox"].flatten()).reshape(-1, 4),
        landmarks=np.asarray(batch["landmarks"].flatten()).reshape(-1, 10),
        images=batch["image"].field("bytes").to_pylist(),
    )


def read_faces(shard: ShardFile) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """(name, everything but the picture, JPEG file) of every row; no name is given twice in a video."""
    for batch in read_batches(shard):
        for row in batch.to_pylist():
            image = row.pop("image")["bytes"]
            yield f"{row['video']}_{row['frame']:07d}_{row['identity']}_{row['track']}", row, image
