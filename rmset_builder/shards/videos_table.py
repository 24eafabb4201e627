"""``videos.parquet``: one row per video that was ever extracted, whole or not, and what became of it."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from filelock import FileLock

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import TEMPORARY_SUFFIX, mtime_ns, sha256_of, whole_file
from rmset_builder.shards.arrow_arrays import numbers, texts
from rmset_builder.shards.checked_parquet import read_checked, write_checked
from rmset_builder.shards.damage import tell_damage
from rmset_builder.storage.address import Address, address_of, named, shown
from rmset_builder.storage.server import ABSENT, fetch
from rmset_builder.storage.swap import swap

TABLE_NAME = "videos.parquet"
DONE = "done"
FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """The columns on a video's file: its path, size, time of change in ns since 1970, and sha256."""

    source: str
    source_bytes: int
    source_mtime_ns: int
    source_sha256: str

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        """Of a file, which is read as a whole."""
        source_sha256 = sha256_of(path)
        status = path.stat()
        return cls(
            source=named(path),
            source_bytes=status.st_size,
            source_mtime_ns=mtime_ns(status),
            source_sha256=source_sha256,
        )


@dataclass(frozen=True, kw_only=True)
class MadeWith:
    """The columns on what made the shards: versions, models and settings."""

    rmset_version: str
    versions_json: str
    models: str
    models_sha256: str
    settings_sha256: str


@dataclass(frozen=True, kw_only=True)
class VideoRecord:
    """What is known of one video after extraction.

    ``state`` is ``done`` or ``failed``; ``reason`` is empty, a word for the failure, or ``no-faces``.
    ``width`` and ``height`` are those of the pictures that faces' boxes lie in: upright, with square pixels.
    ``dropped_json`` counts the faces that were seen but left out, by reason; ``cuts_json`` has the frames with which a
    new shot of the whole picture begins, ascending.
    Hashes are hexadecimal sha256: of the source file, of the models' files, and of every setting that
    changes a shard's content.
    """

    id: str
    source: str = ""
    source_bytes: int = 0
    source_mtime_ns: int = 0
    title: str = ""
    url: str = ""
    licence: str = ""
    group: str = ""
    keyword: str = ""
    fps: float = 0.0
    width: int = 0
    height: int = 0
    frames: int = 0
    duration_s: float = 0.0
    identities: int = 0
    tracks: int = 0
    faces: int = 0
    shards: int = 0
    state: str = DONE
    reason: str = ""
    message: str = ""
    dropped_json: str = "{}"
    cuts_json: str = "[]"
    detected_frames: int = 0
    seconds_spent: float = 0.0
    rmset_version: str = ""
    versions_json: str = "{}"
    models: str = ""
    models_sha256: str = ""
    settings_sha256: str = ""
    source_sha256: str = ""

    @classmethod
    def joined(cls, video: str, *parts: object, **columns: Any) -> VideoRecord:
        """A record put together from objects that are some of its columns, and from single ones."""
        for part in parts:
            columns |= vars(part)
        return cls(id=video, **columns)


_ARROW_TYPES: dict[str, pa.DataType] = {"str": pa.string(), "float": pa.float64(), "int": pa.int64()}

SCHEMA = pa.schema(
    [pa.field(f.name, _ARROW_TYPES[str(f.type)], nullable=False) for f in dataclasses.fields(VideoRecord)]
)
# From here on not every whole number is a float64.
_MOST_EXACT = 2**53
_EMPTY = pa.Table.from_batches([], SCHEMA)


def record_of(row: Mapping[str, Any]) -> VideoRecord:
    """The record in a row that was kept elsewhere than in the table.

    Raises:
        TypeError: it has other columns.
        ValueError: a value is not what its column holds.
    """
    record = VideoRecord(**row)
    try:
        _as_table(record)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"the row of {record.id!r} is none ({error})") from error
    return record


def read_videos(shards: Path) -> dict[str, VideoRecord]:
    """Every record of ``shards/videos.parquet`` by video id, in the table's order; empty without a table.

    Columns that a newer version added are ignored, missing ones take their defaults.

    Raises:
        RmsetError: the table exists and cannot be read.
    """
    address = address_of(shards)
    if address is not None:
        content, state = fetch(address / TABLE_NAME)
        return {} if state == ABSENT else _records(_parse(address / TABLE_NAME, content))
    return _records(_read_table(shards / TABLE_NAME))


def _read_table(path: Path) -> pa.Table:
    """As `SCHEMA` has it; empty where there is none."""
    if not path.exists():
        return _EMPTY
    try:
        return _in_schema(read_checked(path))
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise RmsetError(
            f"{path} cannot be read ({tell_damage(path, error)})",
            remedy=f"move it away and run `rmset extract` again, which rebuilds it: mv {path} {path}.broken",
        ) from error


def _records(table: pa.Table) -> dict[str, VideoRecord]:
    return {row["id"]: VideoRecord(**row) for row in table.to_pylist()}


def _in_schema(table: pa.Table) -> pa.Table:
    blank = dataclasses.asdict(VideoRecord(id=""))
    missing = [field for field in SCHEMA if field.name not in table.column_names and field.name != "id"]
    for field in missing:
        table = table.append_column(field, pa.repeat(pa.scalar(blank[field.name], field.type), len(table)))
    return table.select(SCHEMA.names).cast(SCHEMA)


def _parse(address: Address, content: bytes) -> pa.Table:
    try:
        return _in_schema(read_checked(pa.BufferReader(content)))
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise RmsetError(
            f"{address} cannot be read ({(str(error).splitlines() or [''])[0]})",
            remedy="move it away and run `rmset extract` again, which rebuilds it",
        ) from error


def extract_again(shards: Path, record: VideoRecord | None) -> str:
    """The remedy for a damaged shard or table: the command that extracts the video again."""
    source = shlex.quote(record.source) if record and record.source else "VIDEO"
    return f"extract it again: rmset extract --force {source} --out {shlex.quote(shown(shards))}"


def update_videos(shards: Path, record: VideoRecord) -> None:
    """Insert or replace one record, atomically and safe against other processes doing the same."""
    address = address_of(shards)
    if address is not None:
        _swap(address / TABLE_NAME, lambda table: _with(table, record))
        return
    shards.mkdir(parents=True, exist_ok=True)
    with FileLock(shards / f".{TABLE_NAME}.lock"):
        _write(shards, _with(_read_table(shards / TABLE_NAME), record))


def remove_video(shards: Path, video: str) -> None:
    """Take one record out, if it is there, atomically and safe against other processes doing the same."""
    if not (shards / TABLE_NAME).exists():
        return
    with FileLock(shards / f".{TABLE_NAME}.lock"):
        table = _read_table(shards / TABLE_NAME)
        if len(rest := _without(table, video)) < len(table):
            _write(shards, rest)


def _swap(address: Address, change: Callable[[pa.Table], pa.Table]) -> None:
    def changed(present: bytes | None) -> bytes:
        sink = pa.BufferOutputStream()
        write_checked(change(_EMPTY if present is None else _parse(address, present)), sink)
        return bytes(sink.getvalue())

    swap(address, changed)


def _without(table: pa.Table, video: str) -> pa.Table:
    return _exchanged(table, video, _EMPTY)


def _with(table: pa.Table, record: VideoRecord) -> pa.Table:
    return _exchanged(table, record.id, _as_table(record))


def _exchanged(table: pa.Table, video: str, rows: pa.Table) -> pa.Table:
    """The table, by id, with these rows in place of a video's.

    All others stay as they are: as Python's objects, a hundred thousand of them would take seconds. Nor is anything
    asked of ``pyarrow.compute``, which takes a tenth of a second to import.
    """
    ids = table["id"].to_pylist()
    if any(a > b for a, b in itertools.pairwise(ids)):  # some other program has written it
        table, ids = table.sort_by("id"), sorted(ids)
    before, after = bisect_left(ids, video), bisect_right(ids, video)
    return pa.concat_tables([table.slice(0, before), rows, table.slice(after)]).combine_chunks()


def _as_table(record: VideoRecord) -> pa.Table:
    row = _storable(record)
    return pa.table([_cell(row[field.name], field) for field in SCHEMA], schema=SCHEMA)


def _cell(value: Any, field: pa.Field) -> pa.Array:
    if field.type == pa.string() and isinstance(value, str):
        return texts([value])
    # Python takes a flag for a number.
    is_number = not isinstance(value, bool) and isinstance(value, Real)
    is_whole = is_number and isinstance(value, Integral)
    if field.type == pa.int64() and is_whole:
        return numbers(np.array([value], np.int64))
    if field.type == pa.float64() and is_number and not (is_whole and abs(value) > _MOST_EXACT):
        return numbers(np.array([value], np.float64))
    raise ValueError(f"{field.name} is {value!r}, not of type {field.type}")


def _write(shards: Path, table: pa.Table) -> None:
    for left_over in shards.glob(f".{TABLE_NAME}.*{TEMPORARY_SUFFIX}"):  # whoever began it was killed
        left_over.unlink(missing_ok=True)
    with whole_file(shards / TABLE_NAME) as temporary:
        write_checked(table, temporary)


def storable(text: str) -> str:
    """``text`` as Parquet can hold it: the bytes of a file name that are no UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _storable(record: VideoRecord) -> dict[str, Any]:
    fields = dataclasses.asdict(record).items()
    return {name: storable(value) if isinstance(value, str) else value for name, value in fields}
