"""Which videos need work: what is done and still the same is left alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rmset_builder.core.errors import VideoError
from rmset_builder.pipeline.results import Outcome, Result
from rmset_builder.pipeline.task import Task, read_headers
from rmset_builder.shards.layout import shard_name, shard_path
from rmset_builder.shards.videos_table import DONE, VideoRecord, read_videos, update_videos
from rmset_builder.storage.address import address_of, named, shown
from rmset_builder.storage.server import list_folder
from rmset_builder.storage.sources import hash_of, is_source, status_of


@dataclass(frozen=True)
class Plan:
    """The videos that need work, with their headers, and the results of those that do not."""

    work: list[Task] = field(default_factory=list)
    kept: list[Result] = field(default_factory=list)
    faults: list[Result] = field(default_factory=list)


def plan(
    tasks: list[Task],
    out: Path,
    *,
    settings_sha256: str,
    models_sha256: str,
    force: bool,
    is_same_engine: Callable[[VideoRecord], bool] = lambda _: True,
) -> Plan:
    """Decide which videos need work.

    A video is left alone when its record is whole, its shards are there, and file, models and settings are the same.
    Where another file of the same name was extracted before, the video is refused rather than written over.
    """
    records = read_videos(out)
    is_there = _presence(out)
    found = Plan()
    for task in tasks:
        record = records.get(task.video)
        task = dataclasses.replace(task, known=record)  # noqa: PLW2901
        if record is None or record.state != DONE or force:
            found.work.append(task)
        elif _same_file(task, record):
            same_way = (record.settings_sha256, record.models_sha256) == (settings_sha256, models_sha256)
            if same_way and is_same_engine(record) and all(is_there(task.video, part) for part in range(record.shards)):
                found.kept.append(Result(task.video, Outcome.KEPT, _with_provenance(task, record, out)))
            else:
                found.work.append(task)
        elif _is_another_file(task, record):
            found.faults.append(Result(task.video, Outcome.FAILED, fault=_id_taken(task, record)))
        else:
            found.work.append(task)
    return dataclasses.replace(found, work=read_headers(found.work))


def _presence(out: Path) -> Callable[[str, int], bool]:
    """What tells whether there is a video's shard of a number; a bucket is listed once."""
    address = address_of(out)
    if address is None:
        return lambda video, part: shard_path(out, video, part).is_file()
    present = {one.address for one in list_folder(address)}
    return lambda video, part: address / shard_name(video, part) in present


def _same_file(task: Task, record: VideoRecord) -> bool:
    try:
        status = status_of(task.path)
        if (status.size, status.mtime_ns) == (record.source_bytes, record.source_mtime_ns):
            return True
        return status.size == record.source_bytes and hash_of(task.path) == record.source_sha256
    except OSError:
        return False


def _is_another_file(task: Task, record: VideoRecord) -> bool:
    """Is this another file than the one that was extracted, which is still where it was?"""
    try:
        source = Path(record.source)
        return named(source) != named(task.path) and (source.exists() or is_source(source))
    except PermissionError:
        return True


def _id_taken(task: Task, record: VideoRecord) -> VideoError:
    return VideoError(
        "id-taken",
        f"{shown(task.path)}: the id {task.video} already belongs to another file, {record.source}",
        remedy="rename the file, use another --out, or replace the old one's shards with --force",
    )


def _with_provenance(task: Task, record: VideoRecord, out: Path) -> VideoRecord:
    """Take over a group or title that has become known since; the shards need no change for it."""
    new = {key: value for key, value in vars(task.provenance).items() if value and value != getattr(record, key)}
    if not new:
        return record
    changed = dataclasses.replace(record, **new)
    update_videos(out, changed)
    return changed
