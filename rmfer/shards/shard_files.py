"""Shards as files: which there are, whether one changed, and what its footer and narrow columns say."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rmfer.errors import RmferError, ShardError
from rmset_builder.shards.checked_parquet import open_checked, read_checked
from rmset_builder.shards.damage import tell_damage
from rmset_builder.shards.layout import parse_shard_name, shard_name
from rmset_builder.shards.metadata import ShardMetadata, version_fault
from rmset_builder.shards.pages import OffsetIndex, PageError, locate_pages, open_page, row_groups
from rmset_builder.shards.pages import read_footer as footer_of
from rmset_builder.shards.schema import COLUMNS, SCHEMA_VERSION
from rmset_builder.storage.blobs import Blob, opened

EXTRACT_AGAIN = "delete it and run `rmset extract` on its video again"

_FRAME, _IDENTITY, _PICTURE = (COLUMNS[name] for name in ("frame", "identity", "image"))
_FIRST_PAGE_BYTES = 1 << 20


@dataclass(frozen=True, order=True)
class Stamp:
    """Identifies one state of a shard: its name, size, time of change and its footer's CRC-32."""

    video: str
    part: int
    size: int = 0
    mtime_ns: int = 0
    footer_crc: int = 0

    @property
    def name(self) -> str:
        """The file's name."""
        return shard_name(self.video, self.part)


@dataclass(frozen=True)
class ShardColumns:
    """What the index needs of a shard, (rows,) each: numbers as they are, and each picture's page in the file."""

    frame: npt.NDArray[np.int32]
    identity: npt.NDArray[np.int32]
    offset: npt.NDArray[np.int64]
    size: npt.NDArray[np.int32]


def find_shards(folder: Path) -> list[Stamp]:
    """Every shard of ``folder`` by its name, sorted by video and part.

    Raises:
        RmferError: there is no such folder, or no shard in it.
    """
    if not folder.is_dir():
        raise RmferError(f"no folder of shards at {folder}", remedy="make one with: rmset extract VIDEO")
    found = [shard for entry in os.scandir(folder) if (shard := parse_shard_name(Path(entry.name)))]
    if not found:
        raise RmferError(f"no shards in {folder}", remedy="make some with: rmset extract VIDEO")
    return sorted(Stamp(shard.video, shard.part) for shard in found)


def shards_in_table(folder: Path) -> dict[str, int]:
    """How many shards ``videos.parquet`` says each video has; empty where there is no such table.

    Raises:
        RmferError: the table cannot be read.
    """
    path = folder / "videos.parquet"
    if not path.exists():
        return {}
    try:
        rows = read_checked(path, ["id", "state", "shards"]).to_pylist()
        return {row["id"]: row["shards"] for row in rows if row["state"] == "done"}
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise RmferError(
            f"{path} cannot be read ({tell_damage(path, error)})",
            remedy=f"move it away and run `rmset extract` again, which rebuilds it: mv {path} {path}.broken",
        ) from error


def stamp(folder: Path, shard: Stamp) -> Stamp:
    """``shard`` with its present size, time and footer.

    Raises:
        ShardError: it is not there, or not whole.
    """
    path = folder / shard.name
    try:
        with opened(path) as file:
            footer = read_footer(file, path)
    except OSError as error:
        raise ShardError(path, f"cannot be read ({error.strerror})", remedy=EXTRACT_AGAIN) from error
    return Stamp(shard.video, shard.part, file.size, file.mtime_ns, zlib.crc32(footer))


def read_footer(file: Blob, path: Path) -> bytes:
    """The footer (FileMetaData) of an open shard.

    Raises:
        ShardError: the file does not end as Parquet does.
    """
    try:
        return footer_of(file.pread, file.size)
    except PageError as error:
        raise ShardError(path, str(error), remedy=EXTRACT_AGAIN) from error


def read_metadata(path: Path) -> tuple[int, ShardMetadata]:
    """Number of rows and metadata of a shard.

    Raises:
        ShardError: it is not whole, or of another schema version, or holds another video than its name says.
    """
    return _checked(path, _open(path))


def read_columns(path: Path) -> ShardColumns:
    """What the index needs of a shard; no picture is read, save the header of the first.

    Raises:
        ShardError: the shard cannot serve; the message says why.
    """
    file = _open(path)
    rows, _ = _checked(path, file)
    try:
        indexes = _picture_indexes(path, file.metadata.schema)
        numbers = read_checked(path, [_FRAME.name, _IDENTITY.name])
        frame, identity = (numbers[column.name].to_numpy() for column in (_FRAME, _IDENTITY))
        offset, size = _pages(path, indexes, len(frame))
    except (pa.ArrowException, OSError, PageError, IndexError, ValueError, RecursionError) as error:
        raise ShardError(path, f"is damaged ({tell_damage(path, error)})", remedy=EXTRACT_AGAIN) from error
    if not len(frame) == len(identity) == len(offset) == rows:
        raise ShardError(path, "is damaged (its columns differ in length)", remedy=EXTRACT_AGAIN)
    usual = frame.dtype == _FRAME.kind.dtype and identity.dtype == _IDENTITY.kind.dtype
    if not usual or (rows and min(frame.min(), identity.min()) < 0):
        raise ShardError(path, "has frames or identities that are no numbers from 0", remedy=EXTRACT_AGAIN)
    step = np.diff(frame.astype(np.int64))
    if ((step < 0) | ((step == 0) & (np.diff(identity) < 0))).any():
        raise ShardError(path, "is not sorted by (frame, identity)", remedy=_rewrite(path))
    return ShardColumns(frame, identity, offset, size.astype(np.int32))


def _rewrite(path: Path) -> str:
    folder = path.parent
    return f"rewrite its folder with: rmset export {folder} --to shards --out {folder.with_name(folder.name + '-new')}"


def readable(path: Path) -> bool:
    """Whether `read_columns` succeeds."""
    try:
        read_columns(path)
    except ShardError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _open(path: Path) -> Any:
    try:
        return open_checked(path)
    except (pa.ArrowException, OSError) as error:
        fault = f"is not a whole Parquet file ({_first_line(error)})"
        raise ShardError(path, fault, remedy=EXTRACT_AGAIN) from error


def _checked(path: Path, file: Any) -> tuple[int, ShardMetadata]:
    metadata = ShardMetadata.from_footer(file.metadata.metadata)
    if metadata.schema != SCHEMA_VERSION:
        remedy = "extract the video again, or use the version of rmfer that goes with it"
        raise ShardError(path, version_fault(metadata), remedy=remedy)
    named = parse_shard_name(path)
    if metadata.video not in (None, named.video if named else ""):
        fault = f"holds the video {metadata.video!r}, not the one it is named after"
        raise ShardError(path, fault, remedy="give it its own name back")
    return file.metadata.num_rows, metadata


def _picture_indexes(path: Path, schema: Any) -> list[OffsetIndex]:
    """Where the offset indexes of the pictures lie, a row group each, their storage checked."""
    names = [schema.column(number).path for number in range(len(schema))]
    if not {_FRAME.leaf, _IDENTITY.leaf, _PICTURE.leaf} <= set(names):
        raise ShardError(path, "has not the columns of a shard", remedy=EXTRACT_AGAIN)
    column = names.index(_PICTURE.leaf)
    with opened(path) as file:
        groups = row_groups(read_footer(file, path))
    found = list[OffsetIndex]()
    for chunk in (group.chunks[column] for group in groups):
        if chunk.compression or chunk.has_dictionary:
            how = "with a dictionary" if chunk.has_dictionary else f"compressed with {chunk.compression}"
            raise ShardError(path, f"stores its pictures {how}, so none can be read alone", remedy=_rewrite(path))
        if chunk.index is None:
            raise ShardError(path, "has no offset index, so its pictures cannot be found", remedy=_rewrite(path))
        found.append(chunk.index)
    if groups and schema.column(column).max_definition_level != 2:
        raise ShardError(path, "nests its pictures in another way than a shard does", remedy=_rewrite(path))
    return found


def _pages(path: Path, groups: list[OffsetIndex], rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    if sum(group.rows for group in groups) != rows:
        raise PageError("its columns differ in length")
    with opened(path) as file:
        total = file.size
        if not groups:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        # The indexes of all columns lie beside each other: one read brings those between the first and the last.
        first = min(group.offset for group in groups)
        last = max(group.offset + group.length for group in groups)
        if last > total:
            raise PageError("its offset index is said to lie behind its end")
        block = file.pread(last - first, first)
        indexes = [block[g.offset - first : g.offset - first + g.length] for g in groups]
        offset, size = locate_pages(indexes, groups)
        if len(offset):
            if (offset + size > total).any() or size.max() > np.iinfo(np.int32).max:
                raise PageError("its offset index points outside the pages")
            if size[0] <= _FIRST_PAGE_BYTES:  # a sample: are these pages of the kind we read?
                open_page(file.pread(int(size[0]), int(offset[0])))
    return offset, size
