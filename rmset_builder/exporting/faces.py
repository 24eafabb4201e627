"""The rows of a shard as plain numbers and bytes, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.reader import read_batches, telling


def read_faces(shard: ShardFile) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """(name, everything but the picture, JPEG file) of every row; no name is given twice in a video.

    Raises:
        RmsetError: the shard is damaged.
    """
    with telling(shard):
        for batch in read_batches(shard.path):
            for row in batch.to_pylist():
                image = row.pop("image")["bytes"]
                yield f"{row['video']}_{row['frame']:07d}_{row['identity']}_{row['track']}", row, image
