"""Why a video failed, in one line with a remedy and a stable word; and where that is noted."""

from __future__ import annotations

import traceback
from pathlib import Path

from rmset_builder import __version__
from rmset_builder.core.errors import VideoError, reason_of
from rmset_builder.inference.memory import ran_out
from rmset_builder.pipeline.results import Outcome, Result
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.videos_table import DONE, FAILED, VideoRecord, read_videos, update_videos
from rmset_builder.storage.address import named, shown

NOT_WRITTEN = "not-written"
OUT_OF_MEMORY = "out-of-memory"
WORKER_DIED = "worker-died"
IN_PROGRESS = "in-progress"
# Faults of the command line or the moment; they say nothing of a video.
_NOT_OF_THE_VIDEO = frozenset({"missing", "is-a-folder", "not-a-file", IN_PROGRESS, NOT_WRITTEN, OUT_OF_MEMORY})


def failed(task: Task, error: Exception, out: Path, seconds: float) -> Result:
    """A failure's result, noted in the table; where even that cannot be written, this is the failure.

    Args:
        task: the video.
        error: what ended the work on it, of any kind.
        out: folder of the shards.
        seconds: how long it was worked on.
    """
    try:
        fault = _fault(task, error, out)
        return Result(task.video, Outcome.FAILED, _note_failure(task, fault, out, seconds), fault)
    except OSError as unwritten:
        return Result(task.video, Outcome.FAILED, fault=_not_written(task, unwritten, out))


def _fault(task: Task, error: Exception, out: Path) -> VideoError:
    if isinstance(error, VideoError):
        return error
    if isinstance(error, OSError):
        return _not_written(task, error, out)
    return _no_memory(task, error) or _program_fault(task, error)


def _note_failure(task: Task, fault: VideoError, out: Path, seconds: float) -> VideoRecord | None:
    """Record a failure, unless the video has whole shards from before: those stay, and so does their record."""
    if fault.reason in _NOT_OF_THE_VIDEO:
        return None
    before = read_videos(out).get(task.video)
    if before is not None and before.state == DONE:
        return None
    record = VideoRecord.joined(
        task.video,
        task.provenance,
        source=named(task.path),
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
        f"{shown(task.path)}: a fault of the program ({type(error).__name__}: {error}; {Path(place.filename).name}, "
        f"line {place.lineno})",
        remedy="please report it with this line",
    )


def _no_memory(task: Task, error: Exception) -> VideoError | None:
    if not ran_out(error):
        return None
    # Of another package's error only whose it is: its words are long, and of places in its source.
    told = str(error) if isinstance(error, MemoryError) else type(error).__module__.partition(".")[0]
    return VideoError(
        OUT_OF_MEMORY,
        f"{shown(task.path)}: memory ran out ({told or 'nothing more was to be had'})",
        remedy="try fewer --jobs or --threads; `rmset doctor` says how much there is",
    )


def _not_written(task: Task, error: OSError, out: Path) -> VideoError:
    return VideoError(
        NOT_WRITTEN,
        f"{shown(task.path)}: {shown(out)} cannot be written to ({reason_of(error)})",
        remedy="make room or give another --out; what was complete stays",
    )
