"""A video as it is at one moment: numbers read from several files belong together, or are read again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from rmset_builder.core.errors import RmsetError
from rmset_builder.corrections.ledger import read_ledger
from rmset_builder.corrections.state import lagging
from rmset_builder.shards.layout import ShardFile, embeddings_path, find_shards, identities_path
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.videos_table import VideoRecord, read_videos

T = TypeVar("T")

# A correction of another process puts its files in place within this time, in seconds.
_PATIENCE_S, _PAUSE_S = 5.0, 0.05


@dataclass(frozen=True)
class Moment:
    """A video between two corrections.

    Attributes:
        record: what the table of videos says of it.
        shards: its shards, in order.
        as_of: the last correction of the folder.
        version: what all files of the video are told by; it changes whenever one of them does.
    """

    record: VideoRecord
    shards: tuple[ShardFile, ...]
    as_of: int
    version: str


class NoSuchVideoError(RmsetError):
    """There is no video of that id."""


def moment(shards: Path, video: str) -> Moment | None:
    """A video now; None while a correction of it is being put in place.

    Raises:
        NoSuchVideoError: there is no such video.
        RmsetError: a file cannot be read.
    """
    entries = read_ledger(shards)
    record = read_videos(shards).get(video)
    if record is None:
        raise NoSuchVideoError(f"no video {video!r} in {shards}")
    own = tuple(shard for shard in find_shards(shards) if shard.video == video)
    if own and lagging(shards, video, read_metadata(own[0].path)[1].corrections, entries):
        return None
    files = [*(shard.path for shard in own), identities_path(shards, video), embeddings_path(shards, video)]
    told = json.dumps([asdict(record), [_state(path) for path in files]])
    return Moment(record, own, len(entries), hashlib.sha256(told.encode()).hexdigest()[:16])


def steadily(shards: Path, video: str, read: Callable[[Moment], T]) -> tuple[Moment, T]:
    """What ``read`` makes of a video, and of which moment it is: none of its files changed meanwhile.

    Raises:
        NoSuchVideoError: there is no such video.
        RmsetError: a file cannot be read, or they change all the time.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        before = moment(shards, video)
        if before is not None:
            try:
                made = read(before)
            except RmsetError:
                if _is_still(shards, video, before):
                    raise
            else:
                if _is_still(shards, video, before):
                    return before, made
        time.sleep(_PAUSE_S)
    raise RmsetError(f"{video} is at work in another process", remedy="wait for it, then load the page again")


def _is_still(shards: Path, video: str, before: Moment) -> bool:
    now = moment(shards, video)
    return now is not None and now.version == before.version


def _state(path: Path) -> list[object]:
    try:
        status = path.stat()
    except OSError:
        return [path.name]
    return [path.name, status.st_size, status.st_mtime_ns]
