"""Shards again, in the layout this version writes, whatever compression and pages they had before."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from rmset_builder.exporting.faces import read_batches, to_rows
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.writer import write_shard


class ShardWriter:
    """Writes each shard under its own name, with the metadata that it had."""

    package = ""

    def add(self, shard: ShardFile, out: Path) -> int:
        """Write one shard; returns its number of rows."""
        footer = pq.read_metadata(shard.path)
        stored = {key.decode(): value.decode("utf-8", "replace") for key, value in footer.metadata.items()}
        kept = {key: value for key, value in stored.items() if key.startswith("rmset.") and key != "rmset.schema"}
        blocks = (to_rows(batch) for batch in read_batches(shard))
        write_shard(out / shard.path.name, shard.video, blocks, kept)
        return int(footer.num_rows)
