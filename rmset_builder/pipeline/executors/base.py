"""What every executor of a run is, and what it tells while it works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from rmset_builder.pipeline.failures import NOT_WRITTEN
from rmset_builder.pipeline.results import Result
from rmset_builder.pipeline.task import Task


class Reporter(Protocol):
    """Told what happens while it happens."""

    def begin(self, task: Task) -> None:
        """A video's turn has come."""

    def advance(self, task: Task, frames: int, faces: int) -> None:
        """So many frames and faces of the video are done; fewer than before where it had to begin again."""

    def note(self, text: str) -> None:
        """Something that the user should know has happened, and the run goes on."""

    def end(self, result: Result) -> None:
        """A video is finished."""


class Executor(Protocol):
    """Extracts the videos of a run, several at a time, where it has cores or GPUs for it."""

    def extract(self, work: Sequence[Task], out: Path, reporter: Reporter) -> Iterator[Result]:
        """Extract videos; yields each one's result when it is safe on disk, in the order in which they end.

        Args:
            work: the videos.
            out: folder of the shards.
            reporter: told of all but the end of a video.

        Raises:
            RmsetError: the environment is not fit, which no video is to blame for.
        """


def run(executor: Executor, work: Sequence[Task], out: Path, reporter: Reporter) -> Iterator[Result]:
    """Extract videos with ``executor``; yields each one's result when it is safe on disk.

    A full disk ends the run: every other video would meet it too.

    Raises:
        RmsetError: the environment is not fit, which no video is to blame for.
    """
    for result in executor.extract(work, out, reporter):
        reporter.end(result)
        yield result
        if ends_the_run(result):
            return


def ends_the_run(result: Result) -> bool:
    """Whether no other video can be written either."""
    return result.fault is not None and result.fault.reason == NOT_WRITTEN
