"""Which videos need work, and what becomes of each: what is done is left alone, what fails is noted."""

from __future__ import annotations

import dataclasses
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from filelock import FileLock, Timeout

from rmset_builder import __version__
from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.core.files import TEMPORARY_SUFFIX, mtime_ns, sha256_of
from rmset_builder.pipeline.engine import Engine
from rmset_builder.pipeline.extract import IDENTITIES_FOLDER, extract_video
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.layout import shard_path
from rmset_builder.shards.videos_table import DONE, FAILED, VideoRecord, read_videos, update_videos
from rmset_builder.video.info import VideoInfo

WORK_FOLDER = ".work"
NOT_WRITTEN = "not-written"
OUT_OF_MEMORY = "out-of-memory"
# How ONNX Runtime and OpenCV, whose errors are of their own kinds, tell that there is no memory.
_OUT_OF_MEMORY_WORDS = ("Failed to allocate memory", "Insufficient memory", "bad_alloc")
# Faults of the command line or the moment; they say nothing of a video.
_NOT_OF_THE_VIDEO = frozenset({"missing", "is-a-folder", "not-a-file", "in-progress", OUT_OF_MEMORY})


class Outcome(Enum):
    """What became of a video in this run."""

    DONE = "done"
    KEPT = "already done"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """One video's outcome; ``record`` is None where a failure left no trace in the table."""

    video: str
    outcome: Outcome
    record: VideoRecord | None = None
    fault: VideoError | None = None


@dataclass(frozen=True)
class Plan:
    """The videos that need work, and the results of those that do not."""

    work: list[Task] = field(default_factory=list)
    kept: list[Result] = field(default_factory=list)
    faults: list[Result] = field(default_factory=list)


def plan(tasks: list[Task], out: Path, *, settings_sha256: str, models_sha256: str, force: bool) -> Plan:
    """Decide which videos need work.

    A video is left alone when its record is whole, its shards are there, and file, models and settings are the same.
    Where another file of the same name was extracted before, the video is refused rather than written over.
    """
    records = read_videos(out)
    found = Plan()
    for task in tasks:
        record = records.get(task.video)
        if record is None or record.state != DONE or force:
            found.work.append(task)
        elif _same_file(task, record):
            same_way = (record.settings_sha256, record.models_sha256) == (settings_sha256, models_sha256)
            if same_way and all(shard_path(out, task.video, part).is_file() for part in range(record.shards)):
                found.kept.append(Result(task.video, Outcome.KEPT, _with_provenance(task, record, out)))
            else:
                found.work.append(task)
        elif _is_another_file(task, record):
            found.faults.append(Result(task.video, Outcome.FAILED, fault=_id_taken(task, record)))
        else:
            found.work.append(task)
    return found


def run_one(task: Task, engine: Engine, out: Path, advance: Callable[[int, int], None]) -> Result:
    """Extract one video; its result is safe on disk when this returns.

    Args:
        task: the video.
        engine: models, settings, threads.
        out: folder of the shards.
        advance: called with the frames and faces done.
    """
    began = time.monotonic()
    try:
        info = VideoInfo.from_path(task.path)
        with _workplace(out, task.video) as work:
            record = extract_video(task, info, engine, out=out, work=work, progress=advance)
            update_videos(out, record)
    except VideoError as fault:
        return failed(task, fault, out, time.monotonic() - began)
    except OSError as error:
        return Result(task.video, Outcome.FAILED, fault=_not_written(task, error, out))
    except RmsetError:
        raise
    except Exception as error:
        return failed(task, _no_memory(task, error) or _program_fault(task, error), out, time.monotonic() - began)
    return Result(task.video, Outcome.DONE, record)


@contextmanager
def _workplace(out: Path, video: str) -> Iterator[Path]:
    """An empty folder for a video under way, which no other process can have at the same time.

    What an interrupted run of the same video left behind is removed first.
    """
    folder = out / WORK_FOLDER / video
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise VideoError(
            "in-progress", f"{video} is being extracted into {out} by another process", remedy="wait for it"
        ) from error
    try:
        shutil.rmtree(folder, ignore_errors=True)
        for place, name in ((out, f"{video}-?????"), (out / IDENTITIES_FOLDER, video)):
            for left_over in place.glob(f".{name}.parquet.*{TEMPORARY_SUFFIX}"):
                left_over.unlink(missing_ok=True)
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def failed(task: Task, fault: VideoError, out: Path, seconds: float) -> Result:
    """A failure's result, noted in the table; where even that cannot be written, this is the failure."""
    try:
        return Result(task.video, Outcome.FAILED, _note_failure(task, fault, out, seconds), fault)
    except OSError as error:
        return Result(task.video, Outcome.FAILED, fault=_not_written(task, error, out))


def _note_failure(task: Task, fault: VideoError, out: Path, seconds: float) -> VideoRecord | None:
    """Record a failure, unless the video has whole shards from before: those stay, and so does their record."""
    if fault.reason in _NOT_OF_THE_VIDEO:
        return None
    before = read_videos(out).get(task.video)
    if before is not None and before.state == DONE:
        return None
    record = VideoRecord(
        id=task.video,
        source=str(task.path.absolute()),
        **vars(task.provenance),
        state=FAILED,
        reason=fault.reason,
        message=str(fault),
        seconds_spent=round(seconds, 3),
        rmset_version=__version__,
    )
    update_videos(out, record)
    return record


def _program_fault(task: Task, error: Exception) -> VideoError:
    """What no video should be able to cause; the others go on all the same."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return VideoError(
        "program-fault",
        f"{task.path}: a fault of the program ({type(error).__name__}: {error}; {Path(place.filename).name}, "
        f"line {place.lineno})",
        remedy="please report it with this line",
    )


def _no_memory(task: Task, error: Exception) -> VideoError | None:
    if not isinstance(error, MemoryError) and not any(words in str(error) for words in _OUT_OF_MEMORY_WORDS):
        return None
    # Of another package's error only whose it is: its words are long, and of places in its source.
    told = str(error) if isinstance(error, MemoryError) else type(error).__module__.partition(".")[0]
    return VideoError(
        OUT_OF_MEMORY,
        f"{task.path}: memory ran out ({told or 'nothing more was to be had'})",
        remedy="try fewer --jobs or --threads; `rmset doctor` says how much there is",
    )


def _not_written(task: Task, error: OSError, out: Path) -> VideoError:
    return VideoError(
        NOT_WRITTEN,
        f"{task.path}: {out} cannot be written to ({error.strerror or error})",
        remedy="make room or give another --out; what was complete stays",
    )


def _same_file(task: Task, record: VideoRecord) -> bool:
    try:
        stat = task.path.stat()
        if (stat.st_size, mtime_ns(stat)) == (record.source_bytes, record.source_mtime_ns):
            return True
        return stat.st_size == record.source_bytes and sha256_of(task.path) == record.source_sha256
    except OSError:
        return False


def _is_another_file(task: Task, record: VideoRecord) -> bool:
    """Is this another file than the one that was extracted, which is still where it was?"""
    try:
        return Path(record.source) != task.path.absolute() and Path(record.source).exists()
    except PermissionError:
        return True


def _id_taken(task: Task, record: VideoRecord) -> VideoError:
    return VideoError(
        "id-taken",
        f"{task.path}: the id {task.video} already belongs to another file, {record.source}",
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
