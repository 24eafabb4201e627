"""What shards say of themselves in their footers, and whether ``videos.parquet`` says the same; no picture is read."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.metadata import ShardMetadata, key_of, read_metadata
from rmset_builder.shards.videos_table import DONE, TABLE_NAME, VideoRecord

READERS = 8


@dataclass(frozen=True)
class Footer:
    """A shard's number of rows and its metadata, or the ``fault`` for which it cannot be trusted."""

    shard: ShardFile
    rows: int = 0
    metadata: ShardMetadata = field(default_factory=ShardMetadata)
    fault: str = ""


def read_footers(shards: Sequence[ShardFile]) -> list[Footer]:
    """The footers of ``shards`` in the order given, several read at a time."""
    with ThreadPoolExecutor(READERS, thread_name_prefix="footer") as pool:
        return list(pool.map(_read_footer, shards))


def _read_footer(shard: ShardFile) -> Footer:
    try:
        rows, metadata = read_metadata(shard.path)
    except RmsetError as error:
        return Footer(shard, fault=str(error))
    if metadata.video not in (None, shard.video):
        wrong = f"{shard.path} holds the video {metadata.video!r}, not the one it is named after"
        return Footer(shard, fault=f"{wrong}; give it its own name back")
    return Footer(shard, rows, metadata)


def compare(folder: Path, records: Mapping[str, VideoRecord], footers: Iterable[Footer]) -> list[str]:
    """Where the table of videos and the shards of ``folder`` contradict each other, a line for each fault."""
    warnings: list[str] = []
    shards = _by_video(footers)
    for video in sorted(records.keys() | shards.keys()):
        record, own = records.get(video), shards.get(video, [])
        faults = [footer.fault for footer in own if footer.fault]
        rows = sum(footer.rows for footer in own)
        if record is None:
            warnings.append(
                f"{video}: {_count(len(own), 'shard')} without a row in {TABLE_NAME}, not counted; "
                "`rmset extract` is still at it, or was stopped: run it on the video again"
            )
        elif record.state != DONE and own:
            warnings.append(
                f"{video}: {_count(len(own), 'shard')} left over, the video is {record.state} and not counted; "
                f"remove them with: {_removal(folder, video)}"
            )
        elif faults:
            warnings += faults
        elif record.state == DONE and (rows, len(own)) != (record.faces, record.shards):
            warnings.append(
                f"{video}: {TABLE_NAME} has {_amount(record.faces, record.shards)}, "
                f"the folder {_amount(rows, len(own))}; {_remedy(folder, video, record.source)}"
            )
    return warnings


def restore(folder: Path, footers: Iterable[Footer]) -> tuple[list[VideoRecord], list[str]]:
    """The records of a folder without a table of videos, restored from its shards' ``footers``, and what is wrong."""
    records: list[VideoRecord] = []
    warnings: list[str] = []
    for video, own in _by_video(footers).items():
        faults = [footer.fault for footer in own if footer.fault]
        whole = [footer for footer in own if not footer.fault]
        if whole and (contradiction := _contradiction(whole, len(own))):
            faults.append(f"{video}: {contradiction}; {_remedy(folder, video)}")
        if whole:
            records.append(_record(video, whole))
        warnings += faults
    return records, warnings


def _contradiction(whole: list[Footer], present: int) -> str:
    first = whole[0].metadata
    for name in ("group", "frames", "identities", "parts"):
        if len({footer.metadata.text(name) for footer in whole}) > 1:
            return f"its shards disagree about {key_of(name)}"
    for name in ("frames", "identities", "parts"):
        if getattr(first, name) is None:
            return f"its shards do not tell {key_of(name)}"
    return "" if first.parts == present else f"{_count(present, 'shard')} instead of {first.parts or 0:,}"


def _record(video: str, whole: list[Footer]) -> VideoRecord:
    first = whole[0].metadata
    return VideoRecord(
        id=video,
        group=first.group or "",
        frames=first.frames or 0,
        identities=first.identities or 0,
        faces=sum(footer.rows for footer in whole),
        shards=len(whole),
    )


def _by_video(footers: Iterable[Footer]) -> dict[str, list[Footer]]:
    videos: dict[str, list[Footer]] = {}
    for footer in footers:
        videos.setdefault(footer.shard.video, []).append(footer)
    return videos


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _amount(faces: int, shards: int) -> str:
    return f"{_count(faces, 'face')} in {_count(shards, 'shard')}"


def _removal(folder: Path, video: str) -> str:
    # Five question marks and no star: a star would also take the shards of a video whose id begins like this one.
    return f"rm -f -- {shlex.quote(f'{folder}/{video}')}-?????.parquet"


def _remedy(folder: Path, video: str, source: str = "") -> str:
    return f"mend it with: {_removal(folder, video)} && rmset extract {shlex.quote(source) if source else 'VIDEO'}"
