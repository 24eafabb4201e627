"""The shard contract: every column of a file of aligned faces is a field of `FaceRows`, and all else follows from it.

A shard is standard Parquet. Rows are sorted by (frame, identity, track).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rmset_builder.shards.columns import REPEATED, Column, Stored, columns_of

ROWS_PER_GROUP = 256

Int32s = npt.NDArray[np.int32]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FaceRows:
    """A block of rows in shard order, as columns: the table of the contract.

    For n rows, numbers are arrays (n,) or, of a ``width``, (n, width); ``images`` are n JPEG files.
    """

    frame: Annotated[Int32s, Stored("index in presentation order from 0, over all decoded frames")]
    identity: Annotated[
        Int32s, Stored("0.. without gaps in a video; the same person across shots, re-layouts and absences")
    ]
    track: Annotated[Int32s, Stored("one unbroken appearance")]
    time_s: Annotated[
        Float64s,
        Stored("presentation time as the container states it, seconds; never less than a frame's before it (see Time)"),
    ]
    bbox: Annotated[
        Float32s,
        Stored(
            "x0, y0, x1, y1, pixels of the picture as it is looked at: upright, its pixels square; `videos.parquet` "
            "has its `width` and `height`",
            width=4,
        ),
    ]
    landmarks: Annotated[Float32s, Stored("x, y of left eye, right eye, nose, left and right mouth corner", width=10)]
    det_score: Annotated[
        Float32s,
        Stored("detector confidence; evenly interpolated in frames between two that the detector saw"),
    ]
    sharpness: Annotated[Float32s, Stored("variance of the Laplacian of the aligned face")]
    images: Annotated[list[bytes], Stored("the aligned face, JPEG, 260 x 260", name="image")]

    def __len__(self) -> int:
        return len(self.images)


Rows = TypeVar("Rows", bound=FaceRows)

# The one column that is no field: it is the same in all rows of a shard.
_VIDEO = Column("video", "", REPEATED, "id, `[A-Za-z0-9_-]+`: [Ids](#ids)")


def contract(row_class: type[FaceRows] = FaceRows) -> dict[str, Column]:
    """Every column of a shard of such rows by its name, in the order of the file."""
    return {column.name: column for column in (_VIDEO, *columns_of(row_class))}


COLUMNS: Mapping[str, Column] = contract()
SCHEMA_VERSION = max(column.since for column in COLUMNS.values())


def shard_schema(metadata: Mapping[str, str], row_class: type[FaceRows] = FaceRows) -> pa.Schema:
    """The Arrow schema of a shard with ``metadata`` (keys and values of the Parquet file's own)."""
    columns = contract(row_class).values()
    # What Hugging Face `datasets` reads to show the column `image` as pictures.
    features = {column.name: column.kind.feature for column in columns}
    return pa.schema(
        [pa.field(column.name, column.kind.arrow) for column in columns],
        metadata={**metadata, "huggingface": json.dumps({"info": {"features": features}})},
    )


def to_batch(video: str, rows: FaceRows, schema: pa.Schema) -> pa.RecordBatch:
    """One Arrow record batch of ``rows``."""
    columns = [column.kind.to_arrow(getattr(rows, column.field)) for column in columns_of(type(rows))]
    return pa.RecordBatch.from_arrays([_VIDEO.kind.to_arrow([video] * len(rows)), *columns], schema=schema)


def from_batch(batch: pa.RecordBatch, row_class: type[Rows]) -> Rows:
    """The rows of a record batch."""
    columns = columns_of(row_class)
    return row_class(**{column.field: column.kind.from_arrow(batch.column(column.name)) for column in columns})


def taken(rows: Rows, places: npt.NDArray[np.intp]) -> Rows:
    """The rows at ``places`` (k,), in their order."""
    found: dict[str, Any] = {}
    for column in columns_of(type(rows)):
        values = getattr(rows, column.field)
        found[column.field] = values[places] if isinstance(values, np.ndarray) else [values[one] for one in places]
    return type(rows)(**found)


def joined(blocks: Sequence[Rows]) -> Rows:
    """The rows of one or several blocks, one after another."""
    found: dict[str, Any] = {}
    for column in columns_of(type(blocks[0])):
        parts = [getattr(block, column.field) for block in blocks]
        listed = isinstance(parts[0], list)
        found[column.field] = [one for part in parts for one in part] if listed else np.concatenate(parts)
    return type(blocks[0])(**found)
