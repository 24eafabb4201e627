"""Lance: one data set with a row for each face, in the shards' columns, the picture as plain bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.reader import read_batches, telling
from rmset_builder.shards.schema import shard_schema

NAME = "faces.lance"


def _schema() -> pa.Schema:
    fields = [field for field in shard_schema({}) if field.name not in ("image", "video")]
    return pa.schema([pa.field("video", pa.string()), *fields, pa.field("image", pa.binary())])


class LanceWriter:
    """Appends shards to ``faces.lance``; each append is one transaction."""

    package = "lance"

    def add(self, shard: ShardFile, out: Path) -> int:
        """Append one shard; returns its number of rows."""
        import lance  # noqa: PLC0415

        schema, rows = _schema(), 0

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal rows
            try:
                with telling(shard):
                    for batch in read_batches(shard.path):
                        rows += batch.num_rows
                        narrow = [batch[name] for name in schema.names[1:-1]]
                        columns = [batch["video"].cast(pa.string()), *narrow, batch["image"].field("bytes")]
                        yield pa.RecordBatch.from_arrays(columns, schema=schema)
            except RmsetError as error:
                damaged.append(error)
                raise

        reader, damaged = pa.RecordBatchReader.from_batches(schema, batches()), list[RmsetError]()
        try:
            lance.write_dataset(reader, str(out / NAME), mode="append" if (out / NAME).exists() else "create")
        except OSError:
            # On its way through Lance an error of ours becomes one of the disk's.
            if damaged:
                raise damaged[0] from None
            raise
        return rows

    def rows(self, out: Path) -> int:
        """How many rows there are by now."""
        import lance  # noqa: PLC0415

        return int(lance.dataset(str(out / NAME)).count_rows()) if (out / NAME).exists() else 0
