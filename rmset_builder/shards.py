"""The shard contract, version 1: what a file of aligned faces looks like and how it is written and found.

A shard is standard Parquet. Rows are sorted by (frame, identity). A file that has its final name is whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import whole_file

SCHEMA_VERSION = 1
ROWS_PER_GROUP = 256
ROWS_PER_SHARD = 32_768
# Every JPEG is longer than this, and so fills a page of Parquet by itself; numbers share pages of this size.
PAGE_BYTES = 1024

_SHARD_NAME = re.compile(r"^(?P<video>[A-Za-z0-9_-]+)-(?P<part>[0-9]{5})\.parquet\Z")

_COLUMNS: list[tuple[str, pa.DataType]] = [
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

_LEAVES_WITH_STATISTICS = [
    f"{name}.list.element" if pa.types.is_fixed_size_list(dtype) else name
    for name, dtype in _COLUMNS
    if name != "image"
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


@dataclass(frozen=True, order=True)
class ShardFile:
    """A shard on disk: its video, its place among that video's shards, and its path."""

    video: str
    part: int
    path: Path


def shard_schema(metadata: dict[str, str]) -> pa.Schema:
    """The Arrow schema of a shard with ``metadata`` (keys and values of the Parquet file's own)."""
    stored = {
        "rmset.schema": str(SCHEMA_VERSION),
        **metadata,
        "huggingface": json.dumps({"info": {"features": _HUGGINGFACE_FEATURES}}),
    }
    return pa.schema([pa.field(name, dtype) for name, dtype in _COLUMNS], metadata=stored)


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


def shard_path(folder: Path, video: str, part: int) -> Path:
    """Where part ``part`` of a video's shards lies."""
    return folder / f"{video}-{part:05d}.parquet"


def write_shards(
    folder: Path, video: str, rows: int, blocks: Callable[[int, int], FaceRows], metadata: dict[str, str]
) -> list[Path]:
    """Write all shards of a video; none takes its final name before all of them are whole.

    Numbers are compressed with zstd; the JPEG bytes are stored as they are, without a dictionary, each in a page of its
    own with a checksum. Parquet's offset index tells where every page lies, so one picture costs one small read.

    Args:
        folder: where shards lie.
        video: the video's id.
        rows: number of faces; a video without any gets one shard without rows.
        blocks: gives the rows ``start`` .. ``stop - 1`` of the video, in shard order; memory holds one block.
        metadata: for the key-value metadata of every shard.

    Returns:
        The shards' paths, in order.
    """
    parts = max(1, -(-rows // ROWS_PER_SHARD))
    paths = [shard_path(folder, video, part) for part in range(parts)]
    with ExitStack() as stack:
        temporaries = [stack.enter_context(whole_file(path)) for path in reversed(paths)]
        for part, temporary in enumerate(reversed(temporaries)):
            first, last = part * ROWS_PER_SHARD, min((part + 1) * ROWS_PER_SHARD, rows)
            starts = range(first, last, ROWS_PER_GROUP)
            own = {**metadata, "rmset.part": str(part), "rmset.parts": str(parts)}
            _write(temporary, video, (blocks(s, min(s + ROWS_PER_GROUP, last)) for s in starts), own)
    for surplus in find_shards(folder):
        if surplus.video == video and surplus.part >= parts:
            surplus.path.unlink()
    return paths


def _write(path: Path, video: str, blocks: Iterable[FaceRows], metadata: dict[str, str]) -> None:
    schema = shard_schema(metadata)
    compression = {name: "none" if name == "image" else "zstd" for name, _ in _COLUMNS}
    with pq.ParquetWriter(
        path,
        schema,
        compression=compression,
        use_dictionary=["video"],
        # Smallest and largest JPEG mean nothing, and would be written twice into every page's header.
        write_statistics=_LEAVES_WITH_STATISTICS,
        write_page_index=True,
        write_page_checksum=True,
        data_page_size=PAGE_BYTES,
        write_batch_size=1,  # a page's size is looked at after each batch
    ) as writer:
        for block in blocks:
            writer.write_batch(to_batch(video, block, schema), row_group_size=ROWS_PER_GROUP)


def write_shard(path: Path, video: str, blocks: Iterable[FaceRows], metadata: dict[str, str]) -> None:
    """One shard."""
    with whole_file(path) as temporary:
        _write(temporary, video, blocks, metadata)


def parse_shard_name(path: Path) -> ShardFile | None:
    """The shard that ``path`` names, or None where the name is not a shard's."""
    match = _SHARD_NAME.match(path.name)
    return ShardFile(match["video"], int(match["part"]), path) if match else None


def find_shards(folder: Path) -> list[ShardFile]:
    """Every shard of ``folder``, sorted by video and part.

    Raises:
        RmsetError: there is no such folder.
    """
    if not folder.is_dir():
        raise RmsetError(f"no folder of shards at {folder}", remedy="make one with: rmset extract VIDEO")
    return sorted(shard for path in folder.glob("*.parquet") if (shard := parse_shard_name(path)))


def read_metadata(path: Path) -> tuple[int, dict[str, str]]:
    """Number of rows and the key-value metadata of a shard, from its footer alone.

    Raises:
        RmsetError: the file is not whole Parquet, or of another schema version.
    """
    try:
        footer = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise RmsetError(
            f"{path} is not a whole Parquet file ({str(error).splitlines()[0]})",
            remedy="delete it and run `rmset extract` again",
        ) from error
    stored = {k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, v in (footer.metadata or {}).items()}
    version = stored.get("rmset.schema", "none")
    if version != str(SCHEMA_VERSION):
        raise RmsetError(
            f"{path} has rmset.schema {version}, this program reads {SCHEMA_VERSION}",
            remedy="extract the video again, or read it with the version of rmset that wrote it",
        )
    return footer.num_rows, stored
