"""Shards read back block by block, as the columns they were written from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards.checked_parquet import open_checked, read_checked
from rmset_builder.shards.damage import tell_damage
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.schema import ROWS_PER_GROUP, FaceRows
from rmset_builder.shards.videos_table import extract_again, read_videos


def read_column(path: Path, name: str) -> npt.NDArray[np.int32]:
    """One column of whole numbers of a shard."""
    column: npt.NDArray[np.int32] = read_checked(path, [name])[name].to_numpy()
    return column


def read_blocks(path: Path, rows: int = ROWS_PER_GROUP) -> Iterator[FaceRows]:
    """The rows of a shard in order, so many at a time."""
    with open_checked(path) as shard:
        for batch in shard.iter_batches(batch_size=rows, use_threads=False):
            yield _face_rows(batch)


def unreadable(shard: ShardFile, error: Exception) -> RmsetError:
    """What to raise for ``error``, which reading ``shard`` raised: names video, rows and remedy."""
    folder = shard.path.parent
    try:
        record = read_videos(folder).get(shard.video)
    except RmsetError:  # the table has a fault of its own, told by whoever reads it
        record = None
    return RmsetError(
        f"{shard.path} cannot be read (video {shard.video}, {tell_damage(shard.path, error)})",
        remedy=extract_again(folder, record),
    )


def without_identity(path: Path, identity: int) -> Iterator[FaceRows]:
    """The rows of a shard without one person's, whose followers move up, in blocks of the usual size."""
    kept: list[FaceRows] = []
    for block in read_blocks(path):
        rows = np.flatnonzero(block.identity != identity)
        kept.append(_taken(block, rows, block.identity[rows] - (block.identity[rows] > identity)))
        while sum(map(len, kept)) >= ROWS_PER_GROUP:
            whole = _joined(kept)
            everything = np.arange(len(whole))
            yield _taken(whole, everything[:ROWS_PER_GROUP], whole.identity[:ROWS_PER_GROUP])
            rest = everything[ROWS_PER_GROUP:]
            kept = [_taken(whole, rest, whole.identity[rest])]
    if kept and sum(map(len, kept)):
        yield _joined(kept)


def _face_rows(batch: pa.RecordBatch) -> FaceRows:
    def numbers(name: str) -> Any:
        return batch.column(name).to_numpy(zero_copy_only=False)

    def lists(name: str, size: int) -> npt.NDArray[np.float32]:
        values: npt.NDArray[np.float32] = batch.column(name).flatten().to_numpy(zero_copy_only=False)
        return values.reshape(-1, size)

    return FaceRows(
        frame=numbers("frame"),
        identity=numbers("identity"),
        track=numbers("track"),
        time_s=numbers("time_s"),
        bbox=lists("bbox", 4),
        landmarks=lists("landmarks", 10),
        det_score=numbers("det_score"),
        sharpness=numbers("sharpness"),
        images=batch.column("image").field("bytes").to_pylist(),
    )


def _taken(block: FaceRows, rows: npt.NDArray[np.intp], identity: npt.NDArray[np.int32]) -> FaceRows:
    columns = {name: values[rows] for name, values in vars(block).items() if name not in ("images", "identity")}
    return FaceRows(**columns, identity=identity.astype(np.int32), images=[block.images[row] for row in rows])


def _joined(blocks: list[FaceRows]) -> FaceRows:
    names = [name for name in vars(blocks[0]) if name != "images"]
    columns = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in names}
    return FaceRows(**columns, images=[image for block in blocks for image in block.images])
