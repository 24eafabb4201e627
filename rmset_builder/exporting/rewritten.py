"""Shards rewritten in the layout of this version, with its compression and pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.reader import read_blocks, telling
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.writer import write_shard


class ShardWriter:
    """Writes each shard under its own name, with the metadata that it had."""

    package = ""

    def add(self, shard: ShardFile, out: Path) -> int:
        """Write one shard; returns its number of rows."""
        rows, metadata = read_metadata(shard.path)
        write_shard(out / shard.path.name, shard.video, _blocks(shard), metadata)
        return rows


def _blocks(shard: ShardFile) -> Iterator[FaceRows]:
    # What fails in writing them is no damage of the shard.
    with telling(shard):
        yield from read_blocks(shard.path)
