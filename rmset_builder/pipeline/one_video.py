"""One video from its file to its shards, in a locked work folder; a failure is recorded."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.corrections.correct import reapply
from rmset_builder.corrections.rewrite import finish
from rmset_builder.pipeline.engine import Engine
from rmset_builder.pipeline.extract import extract_video
from rmset_builder.pipeline.failures import IN_PROGRESS, failed
from rmset_builder.pipeline.results import Outcome, Result
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.layout import lock_path, unfinished_files, work_folder
from rmset_builder.shards.videos_table import update_videos


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
    began = time.monotonic()
    try:
        info = task.current_header()
        with _workplace(out, task.video) as work:
            record = extract_video(task, info, engine, out=out, work=work, progress=advance)
            record, remarks = reapply(out, record)
            record = replace(record, message="; ".join(filter(None, (record.message, *remarks))))
            update_videos(out, record)
    except Exception as error:
        if isinstance(error, RmsetError) and not isinstance(error, VideoError):
            raise  # of the environment: every other video would meet it too
        return failed(task, error, out, time.monotonic() - began)
    return Result(task.video, Outcome.DONE, record)


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
