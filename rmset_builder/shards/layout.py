"""What lies where in a folder of shards, and what it is named. A file that has its final name is whole.

Example:
    >>> shard_name("wall9", 0)
    'wall9-00000.parquet'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import TEMPORARY_SUFFIX

IDENTITIES_FOLDER = "identities"
EMBEDDINGS_FOLDER = "embeddings"
DROPPED_FOLDER = "dropped"
_WORK_FOLDER = ".work"
_SHARD_NAME = re.compile(r"^(?P<video>[A-Za-z0-9_-]+)-(?P<part>[0-9]{5})\.parquet\Z")


@dataclass(frozen=True, order=True)
class ShardFile:
    """A shard on disk: its video, its place among that video's shards, and its path."""

    video: str
    part: int
    path: Path


def shard_name(video: str, part: int) -> str:
    """What part ``part`` of a video's shards is named; `parse_shard_name` reads it."""
    return f"{video}-{part:05d}.parquet"


def shard_path(folder: Path, video: str, part: int) -> Path:
    """Where part ``part`` of a video's shards lies."""
    return folder / shard_name(video, part)


def identities_path(folder: Path, video: str) -> Path:
    """Where the mean embeddings of a video's identities lie."""
    return folder / IDENTITIES_FOLDER / f"{video}.parquet"


def embeddings_path(folder: Path, video: str) -> Path:
    """Where the embeddings of some faces of each of a video's tracks lie."""
    return folder / EMBEDDINGS_FOLDER / f"{video}.parquet"


def dropped_path(folder: Path, video: str) -> Path:
    """Where the faces of people lie whom a correction took out of a video, until it is undone."""
    return folder / DROPPED_FOLDER / f"{video}.parquet"


def work_folder(folder: Path, video: str) -> Path:
    """Where a video under way has what is not yet sure."""
    return folder / _WORK_FOLDER / video


def lock_path(folder: Path, video: str) -> Path:
    """The lock that a process holds while it changes a video's files."""
    return folder / _WORK_FOLDER / f"{video}.lock"


def unfinished_files(folder: Path, video: str) -> list[Path]:
    """Shards and side files of a video that were not written to their end."""
    found = [*folder.glob(f".{video}-?????.parquet.*{TEMPORARY_SUFFIX}")]
    for side in (IDENTITIES_FOLDER, EMBEDDINGS_FOLDER):
        found += (folder / side).glob(f".{video}.parquet.*{TEMPORARY_SUFFIX}")
    return found


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
