"""One video from its file to its shards, in a locked work folder; a failure is recorded."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.core.files import sha256_of
from rmset_builder.core.locks import held_if_free
from rmset_builder.corrections.correct import reapply
from rmset_builder.corrections.rewrite import finish
from rmset_builder.pipeline.engine import Engine
from rmset_builder.pipeline.extract import extract_video
from rmset_builder.pipeline.failures import IN_PROGRESS, failed
from rmset_builder.pipeline.results import Outcome, Result
from rmset_builder.pipeline.staging import staged
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.layout import lock_path, unfinished_files, work_folder
from rmset_builder.shards.tombstones import read_tombstones
from rmset_builder.shards.videos_table import DONE, VideoRecord, read_videos, update_videos
from rmset_builder.storage.address import address_of, is_address, named, shown
from rmset_builder.storage.sources import at_hand, status_of


def run_one(task: Task, engine: Engine, out: Path, advance: Callable[[int, int], None]) -> Result:
    """Extract one video; its result is safe on disk when this returns.

    Args:
        task: the video.
        engine: models, settings, threads.
        out: folder of the shards.
        advance: called with the frames and faces done.

    Raises:
        RmsetError: the environment is not fit, which no video is to blame for.
    """
    began, address = time.monotonic(), address_of(out)
    try:
        with _source(task, out) as (own, origin):
            if address is None:
                with _workplace(out, task.video) as work:
                    record = replace(_extracted(own, engine, out, work, advance), **origin)
                    update_videos(out, record)
            else:
                with staged(address, task.video) as (folder, publish):
                    if (done := _done_meanwhile(task, own, engine, out)) is not None:
                        return Result(task.video, Outcome.KEPT, done)
                    with _workplace(folder, task.video) as work:
                        record = replace(_extracted(own, engine, folder, work, advance), **origin)
                    publish(record)
    except Exception as error:
        if isinstance(error, RmsetError) and not isinstance(error, VideoError):
            raise  # of the environment: every other video would meet it too
        return failed(task, error, out, time.monotonic() - began)
    return Result(task.video, Outcome.DONE, record)


def _extracted(task: Task, engine: Engine, out: Path, work: Path, advance: Callable[[int, int], None]) -> VideoRecord:
    record = extract_video(task, task.current_header(), engine, out=out, work=work, progress=advance)
    record, remarks = reapply(out, record)
    return replace(record, message="; ".join(filter(None, (record.message, *remarks))))


@contextmanager
def _source(task: Task, out: Path) -> Iterator[tuple[Task, dict[str, Any]]]:
    """The task with its file on this machine, and the columns of its row that tell where the file is from."""
    if not is_address(task.path):
        yield task, {}
        return
    try:
        status = status_of(task.path)
        with at_hand(task.path) as here:
            try:
                _require_not_pruned(task, here, out)
                yield replace(task, path=here), {"source": named(task.path), "source_mtime_ns": status.mtime_ns}
            except VideoError as error:  # which names the copy
                told = error.message.replace(str(here), shown(task.path))
                raise VideoError(error.reason, told, remedy=error.remedy) from error
    except FileNotFoundError as error:
        raise VideoError(
            "missing", f"{shown(task.path)}: there is no such object", remedy="look at its name"
        ) from error


def _require_not_pruned(task: Task, here: Path, out: Path) -> None:
    """What was taken down is known by its bytes as well, and these are seen only now."""
    hashes = {stone.source_sha256: stone for stone in read_tombstones(out) if stone.source_sha256}
    if hashes and (stone := hashes.get(sha256_of(here))):
        raise VideoError(
            "pruned", f"{shown(task.path)}: the video was taken down ({stone.why})", remedy="delete it or leave it"
        )


def _done_meanwhile(task: Task, own: Task, engine: Engine, out: Path) -> VideoRecord | None:
    """The row of a video that somebody else has extracted since this run was planned, in the very same way."""
    now, spec = read_videos(out).get(task.video), engine.spec
    if now is None or now.state != DONE or now == task.known:
        return None
    same_way = (now.settings_sha256, now.models_sha256) == (spec.settings.sha256, spec.pack.sha256)
    return now if same_way and now.source_sha256 == sha256_of(own.path) else None


def sweep(out: Path) -> None:
    """Remove what runs left at their work that were killed when a video's row had just been written.

    Nobody comes to such a video again, as it is done; what another process is at is left alone.
    """
    for folder in work_folder(out, "").glob("*"):
        # No id has a dot; what has one is a correction under way.
        if "." in folder.name or folder.is_symlink() or not folder.is_dir():
            continue
        with held_if_free(lock_path(out, folder.name)) as free:
            if free:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _workplace(out: Path, video: str) -> Iterator[Path]:
    """An empty folder for a video under way, which no other process can have at the same time.

    What an interrupted run of the same video left behind is removed first.
    """
    folder = work_folder(out, video)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_path(out, video))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise VideoError(
            IN_PROGRESS, f"{video} is being extracted into {out} by another process", remedy="wait for it"
        ) from error
    try:
        shutil.rmtree(folder, ignore_errors=True)
        for left_over in unfinished_files(out, video):
            left_over.unlink(missing_ok=True)
        # Else it would be put over the new shards by whoever comes next.
        finish(out, video)
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
