"""What became of a video in a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rmset_builder.core.errors import VideoError
from rmset_builder.shards.videos_table import VideoRecord


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
