"""Which video of a folder of shards is meant, and whether its file is still the one that was extracted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import is_file, sha256_of
from rmset_builder.shards.layout import ShardFile, find_shards
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.videos_table import DONE, VideoRecord, read_videos
from rmset_builder.video.ids import video_id
from rmset_builder.video.info import VideoInfo


@dataclass(frozen=True)
class Extracted:
    """A video's file and what its shards say of it.

    Attributes:
        video: its id.
        info: the header of its file.
        shards: in order; none of a video without faces.
        frames: how many were extracted.
        identities: how many people it has.
        pruned: how many were taken down.
        record: its row of `videos.parquet`; None where there is none.
    """

    video: str
    info: VideoInfo
    shards: tuple[ShardFile, ...]
    frames: int
    identities: int
    pruned: int
    record: VideoRecord | None


def find_extracted(given: Path, folder: Path) -> Extracted:
    """The video that a path, or an id in ``folder``, names.

    A file is known by its bytes, so that it may have been moved or renamed since.

    Raises:
        RmsetError: the folder has no such video, or the file is not the one that was extracted.
        VideoError: the file cannot be read as a video.
    """
    shards: dict[str, list[ShardFile]] = {}
    for shard in find_shards(folder):
        shards.setdefault(shard.video, []).append(shard)
    records = {video: record for video, record in read_videos(folder).items() if record.state == DONE}
    known = {video: tuple(shards.get(video, ())) for video in sorted(shards.keys() | records.keys())}
    video = str(given)
    if is_file(given):
        path = given
        video = _video_of(path, folder, known, records)
    elif video in known:
        path = _file_of(video, known[video], records.get(video))
    else:
        listed = ", ".join(list(known)[:10]) + (", ..." if len(known) > 10 else "")
        raise RmsetError(
            f"{given} is neither a video file nor the id of a video in {folder}",
            remedy=f"it has: {listed}" if known else "extract one: rmset extract VIDEO",
        )
    return _described(video, path, known[video], records.get(video))


def _video_of(
    path: Path, folder: Path, known: Mapping[str, tuple[ShardFile, ...]], records: Mapping[str, VideoRecord]
) -> str:
    """The id of a file, by its bytes."""
    VideoInfo.from_path(path)  # what is no video is told before it is read as a whole
    sha256 = sha256_of(path)
    found = [video for video, own in known.items() if _sha256(own, records.get(video)) == sha256]
    if not found:
        extract = f"rmset extract {shlex.quote(str(path))} --out {shlex.quote(str(folder))}"
        if (video := video_id(path)) in known:
            raise RmsetError(
                f"{path} is not the file that was extracted as {video}: its bytes are others",
                remedy=f"give that file, or extract this one: {extract} --force",
            )
        raise RmsetError(f"{folder} has no shards of {path}", remedy=f"make them: {extract}")
    place = str(path.absolute())
    return next((video for video in found if video in records and records[video].source == place), found[0])


def _file_of(video: str, shards: tuple[ShardFile, ...], record: VideoRecord | None) -> Path:
    """The file that a video was extracted from, which must still be there and the same."""
    path = Path(record.source) if record else None
    if path is None or not is_file(path):
        where = f", {path}, is not there" if path else " is not known"
        raise RmsetError(f"the file that {video} was extracted from{where}", remedy="give its path instead of the id")
    if sha256_of(path) != _sha256(shards, record):
        raise RmsetError(
            f"{path} is no longer the file that {video} was extracted from: its bytes are others",
            remedy="give the path of that file, or extract this one again",
        )
    return path


def _sha256(shards: tuple[ShardFile, ...], record: VideoRecord | None) -> str | None:
    return record.source_sha256 if record else read_metadata(shards[0].path)[1].source_sha256


def _described(video: str, path: Path, shards: tuple[ShardFile, ...], record: VideoRecord | None) -> Extracted:
    frames, identities, pruned = (record.frames, record.identities, 0) if record else (0, 0, 0)
    told = [read_metadata(shard.path)[1] for shard in shards]
    parts = max([record.shards if record else 0, *(one.parts or 0 for one in told)])
    if len(shards) < parts:
        raise RmsetError(
            f"of {parts:,} shards of {video} {parts - len(shards):,} are missing",
            remedy="put them back, or extract it again",
        )
    if told:
        frames = told[0].frames or frames
        identities = identities if told[0].identities is None else told[0].identities
        pruned = max(one.pruned or 0 for one in told)
    return Extracted(video, VideoInfo.from_path(path), shards, frames, identities, pruned, record)
