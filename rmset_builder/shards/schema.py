"""The shard contract, version 1: the columns of a file of aligned faces, and its rows as the program holds them.

A shard is standard Parquet. Rows are sorted by (frame, identity).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

SCHEMA_VERSION = 1
ROWS_PER_GROUP = 256

COLUMNS: list[tuple[str, pa.DataType]] = [
    ("video", pa.dictionary(pa.int32(), pa.string())),
    ("frame", pa.int32()),
    ("identity", pa.int32()),
    ("track", pa.int32()),
    ("time_s", pa.float64()),
    ("bbox", pa.list_(pa.float32(), 4)),
    ("landmarks", pa.list_(pa.float32(), 10)),
    ("det_score", pa.float32()),
    ("sharpness", pa.float32()),
    ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
]


def _value(dtype: str) -> dict[str, str]:
    return {"dtype": dtype, "_type": "Value"}


# What Hugging Face `datasets` reads to show the column `image` as pictures.
_HUGGINGFACE_FEATURES = {
    "video": _value("string"),
    "frame": _value("int32"),
    "identity": _value("int32"),
    "track": _value("int32"),
    "time_s": _value("float64"),
    "bbox": {"feature": _value("float32"), "length": 4, "_type": "Sequence"},
    "landmarks": {"feature": _value("float32"), "length": 10, "_type": "Sequence"},
    "det_score": _value("float32"),
    "sharpness": _value("float32"),
    "image": {"_type": "Image"},
}


@dataclass(frozen=True, kw_only=True)
class FaceRows:
    """A block of rows in shard order, as columns.

    Shapes for n rows: ``frame``, ``identity``, ``track`` (n,) int32; ``time_s`` (n,) float64 seconds;
    ``bbox`` (n, 4) and ``landmarks`` (n, 10) float32 source pixels;
    ``det_score``, ``sharpness`` (n,) float32;
    ``images`` n JPEG files as bytes.
    """

    frame: npt.NDArray[np.int32]
    identity: npt.NDArray[np.int32]
    track: npt.NDArray[np.int32]
    time_s: npt.NDArray[np.float64]
    bbox: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32]
    det_score: npt.NDArray[np.float32]
    sharpness: npt.NDArray[np.float32]
    images: list[bytes]

    def __len__(self) -> int:
        return len(self.images)


def shard_schema(metadata: dict[str, str]) -> pa.Schema:
    """The Arrow schema of a shard with ``metadata`` (keys and values of the Parquet file's own)."""
    stored = {
        "rmset.schema": str(SCHEMA_VERSION),
        **metadata,
        "huggingface": json.dumps({"info": {"features": _HUGGINGFACE_FEATURES}}),
    }
    return pa.schema([pa.field(name, dtype) for name, dtype in COLUMNS], metadata=stored)


def to_batch(video: str, rows: FaceRows, schema: pa.Schema) -> pa.RecordBatch:
    """One Arrow record batch of ``rows``."""
    n = len(rows)
    columns = [
        pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([video])),
        pa.array(rows.frame),
        pa.array(rows.identity),
        pa.array(rows.track),
        pa.array(rows.time_s),
        pa.FixedSizeListArray.from_arrays(pa.array(rows.bbox.ravel()), 4),
        pa.FixedSizeListArray.from_arrays(pa.array(rows.landmarks.ravel()), 10),
        pa.array(rows.det_score),
        pa.array(rows.sharpness),
        pa.StructArray.from_arrays(
            [pa.array(rows.images, pa.binary()), pa.array([None] * n, pa.string())],
            fields=list(schema.field("image").type),
        ),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
