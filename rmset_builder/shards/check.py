"""One shard, checked in itself: whole, of the contract's columns, in order, its pictures decodable and of one size."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards.checked_parquet import open_checked, read_checked
from rmset_builder.shards.damage import MOST_TOLD, Pages, describe, look_at_pages
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.metadata import ShardMetadata, read_metadata
from rmset_builder.shards.reader import read_blocks
from rmset_builder.shards.schema import COLUMNS, FaceRows

Place = tuple[int, int, int]


@dataclass
class ShardFindings:
    """What a shard holds: counts, the identities ``present`` and those promised, its first and last (frame, ...)."""

    faces: int = 0
    images: int = 0
    identities: int = 0
    present: set[int] = field(default_factory=set)
    first: Place | None = None
    last: Place | None = None
    faults: list[str] = field(default_factory=list)
    unreadable: bool = False


def check_shard(shard: ShardFile, *, images: bool) -> ShardFindings:
    """Read a shard from beginning to end.

    Args:
        shard: which.
        images: decode every picture, too.
    """
    found = ShardFindings()
    try:
        rows, metadata = read_metadata(shard.path)
        if (pages := look_at_pages(shard.path)).damages:
            return _damaged(found, shard, pages)
        if fault := metadata.unclear() or schema_fault(shard):
            return _unreadable(found, fault)
        found.identities = metadata.identities or 0
        if metadata.part not in (None, shard.part):
            found.faults.append(f"it says it is part {metadata.part}")
        if metadata.video not in (None, shard.video):
            found.faults.append(f"it holds the video {metadata.video}")
        size, frames = _size(metadata), metadata.frames or 0
        for block in read_blocks(shard.path, rows=4096):
            _check_block(block, found, frames)
            if images:
                _check_images(block, size, found)
        if found.faces != rows:
            found.faults.append(f"{found.faces:,} rows instead of {rows:,}")
    except RmsetError as error:
        return _unreadable(found, error.message)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        return _unreadable(found, f"cannot be read to its end ({str(error).splitlines()[0]})")
    found.faults = list(dict.fromkeys(found.faults))
    return found


def _unreadable(found: ShardFindings, fault: str) -> ShardFindings:
    found.unreadable = True
    found.faults.append(fault)
    return found


def _damaged(found: ShardFindings, shard: ShardFile, pages: Pages) -> ShardFindings:
    """Each damaged page as a fault: what else the shard holds would be told of numbers that are not to be trusted."""
    told = describe(shard.path, pages.damages[:MOST_TOLD])
    found.faults += [f"video {shard.video}, {damage}" for damage in told]
    if (more := len(pages.damages) - MOST_TOLD) > 0:
        found.faults.append(f"video {shard.video}, {more:,} more places")
    found.unreadable = True
    return found


def schema_fault(shard: ShardFile) -> str:
    """What is not as the contract of shards has it in the columns' names and types, and in the ids; empty if nothing.

    Raises:
        OSError: it cannot be read; so does pyarrow.ArrowException.
    """
    with open_checked(shard.path) as file:
        schema = file.schema_arrow
    for name, column in COLUMNS.items():
        if schema.get_field_index(name) < 0:
            return f"the column {name} is missing"
        if (found := schema.field(name).type) != column.kind.arrow:
            return f"the column {name} is {found}, not {column.kind.arrow}"
    names = read_checked(shard.path, ["video"])["video"].unique().to_pylist()
    strangers = [name for name in names if name != shard.video]
    return f"it holds rows of {strangers[0]}" if strangers else ""


def _size(metadata: ShardMetadata) -> int:
    """The side of the pictures, 0 where the shard does not tell."""
    try:
        return int(json.loads(metadata.settings or "{}").get("image_size", 0))
    except (ValueError, AttributeError):
        return 0


def _check_block(block: FaceRows, found: ShardFindings, frames: int) -> None:
    if not len(block):
        return
    places = np.stack([block.frame, block.identity, block.track], axis=1)
    if found.last is not None:
        places = np.concatenate([[found.last], places])
    if not _is_sorted(places):
        found.faults.append("rows are not sorted by (frame, identity, track)")
    if (block.frame < 0).any() or (frames and (block.frame >= frames).any()):
        found.faults.append(f"frames outside 0 .. {frames - 1}")
    if (block.identity < 0).any():
        found.faults.append("negative identities")
    if not all(np.isfinite(values).all() for values in vars(block).values() if isinstance(values, np.ndarray)):
        found.faults.append("numbers that are not finite")
    found.first = found.first or _place(block, 0)
    found.last = _place(block, -1)
    found.present |= set(np.unique(block.identity).tolist())
    found.faces += len(block)


def _place(block: FaceRows, row: int) -> Place:
    return int(block.frame[row]), int(block.identity[row]), int(block.track[row])


def _is_sorted(places: npt.NDArray[np.integer]) -> bool:
    """Whether rows of three numbers grow strictly."""
    steps = np.diff(places.astype(np.int64), axis=0)
    first = steps[np.arange(len(steps)), (steps != 0).argmax(axis=1)] if len(steps) else steps
    return bool((first > 0).all())


def _check_images(block: FaceRows, size: int, found: ShardFindings) -> None:
    for row, content in enumerate(block.images):
        place = f"the image of frame {block.frame[row]}, identity {block.identity[row]}"
        try:
            with Image.open(io.BytesIO(content or b""), formats=("JPEG",)) as image:
                # Before it is decoded, for which a header may want any amount of memory.
                if size and image.size != (size, size):
                    found.faults.append(f"{place} is {image.width} x {image.height}, not {size} x {size}")
                else:
                    image.load()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            found.faults.append(f"{place} does not decode")
        found.images += 1
        if len(found.faults) > 20:
            return
