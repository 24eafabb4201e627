"""What shards are named, and which lie in a folder. A file that has its final name is whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.core.errors import RmsetError

_SHARD_NAME = re.compile(r"^(?P<video>[A-Za-z0-9_-]+)-(?P<part>[0-9]{5})\.parquet\Z")


@dataclass(frozen=True, order=True)
class ShardFile:
    """A shard on disk: its video, its place among that video's shards, and its path."""

    video: str
    part: int
    path: Path


def shard_path(folder: Path, video: str, part: int) -> Path:
    """Where part ``part`` of a video's shards lies."""
    return folder / f"{video}-{part:05d}.parquet"


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
