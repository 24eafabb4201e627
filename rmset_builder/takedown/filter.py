"""What was taken down stays out of every later extraction."""

from __future__ import annotations

from pathlib import Path

from rmset_builder.core.errors import VideoError
from rmset_builder.core.files import is_file, sha256_of
from rmset_builder.fetching.catalog import CATALOG_NAME, PRUNED, Video, rows_beside
from rmset_builder.pipeline.id_owners import takedown_ids
from rmset_builder.pipeline.planner import Plan
from rmset_builder.pipeline.results import Outcome, Result
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.tombstones import TOMBSTONES_NAME, Tombstone, read_tombstones
from rmset_builder.shards.videos_table import read_videos
from rmset_builder.storage.address import shown


def keep_out_pruned(todo: Plan, out: Path) -> Plan:
    """The plan of an extraction into ``out`` without the videos that must not be extracted again.

    They are known by id, by their file's hash, and by the ledger beside their file.

    Raises:
        RmsetError: the tombstones cannot be read.
    """
    stones, records = read_tombstones(out), read_videos(out)
    rows: dict[Path, dict[str, Video]] = {}
    kept = Plan(kept=todo.kept, faults=list(todo.faults))
    for task in todo.work:
        fault = _fault(task, takedown_ids(task.path, task.video, records), stones, rows, out)
        if fault is None:
            kept.work.append(task)
        else:
            kept.faults.append(Result(task.video, Outcome.FAILED, fault=fault))
    return kept


def _fault(
    task: Task, names: set[str], stones: list[Tombstone], rows: dict[Path, dict[str, Video]], out: Path
) -> VideoError | None:
    for stone in stones:
        if stone.video in names:
            return _refusal(task, stone.identity is None, stone.why, out / TOMBSTONES_NAME)
    hashes = {stone.source_sha256: stone for stone in stones if stone.source_sha256}
    if hashes and is_file(task.path) and (same := hashes.get(sha256_of(task.path))):
        return _refusal(task, same.identity is None, same.why, out / TOMBSTONES_NAME)
    folder = task.path.parent
    if folder not in rows:
        rows[folder] = rows_beside(folder)
    for row in filter(None, map(rows[folder].get, names)):
        if row.state == PRUNED or row.pruned_identities:
            return _refusal(task, not row.pruned_identities, row.message, folder / CATALOG_NAME)
    return None


def _refusal(task: Task, whole: bool, why: str, noted: Path) -> VideoError:
    what = "was taken down" if whole else "had people taken out of it, whom extracting it again would bring back"
    return VideoError(
        "pruned",
        f"{shown(task.path)}: the video {task.video} {what} ({why}; {shown(noted)})",
        remedy="delete the file or leave it",
    )
