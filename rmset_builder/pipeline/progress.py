"""Progress of an extraction on stderr: bars on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn

from rmset_builder.core.errors import one_line
from rmset_builder.core.progress import Reporter
from rmset_builder.pipeline.results import Result
from rmset_builder.pipeline.task import Task


@dataclass
class _Running:
    """A video under way."""

    began: float
    bar: TaskID | None
    frames: int = 0
    faces: int = 0


class ProgressReporter:
    """Shows frames, frames per second, faces and the time left, per video and over all.

    Args:
        tasks: all videos that will be worked on, with their headers, which tell how long they are.
        console: where to write; bars where it is a terminal.
    """

    def __init__(self, tasks: list[Task], console: Console) -> None:
        self._expected = {task.video: task.expected_frames for task in tasks}
        self._running: dict[str, _Running] = {}
        self._began = time.monotonic()
        self._ended = self._ended_frames = self._ended_faces = 0
        self.shown = Reporter(
            console,
            TextColumn("{task.description}", justify="left"),
            BarColumn(),
            TextColumn("{task.fields[count]} frames"),
            TextColumn("{task.fields[rate]:.1f} frames/s"),
            TextColumn("{task.fields[faces]:,} faces"),
            TimeRemainingColumn(),
        )
        self._overall = self._new_bar("all videos", self._all_frames) if len(tasks) > 1 else None

    def begin(self, task: Task) -> None:
        """A video's turn has come."""
        bar = self._new_bar(task.video, self._expected[task.video])
        self._running[task.video] = _Running(time.monotonic(), bar)

    def advance(self, task: Task, frames: int, faces: int) -> None:
        """So many frames and faces of the video are done."""
        running = self._running[task.video]
        running.frames, running.faces = frames, faces
        promised = self._expected[task.video]
        if promised is not None:  # perhaps too few
            promised = self._expected[task.video] = max(promised, frames)
        now = time.monotonic()
        rate = frames / max(now - running.began, 1e-9)
        done = self._ended_frames + self._running_frames
        overall = done / max(now - self._began, 1e-9)
        self._show(running.bar, frames, promised, rate=rate, faces=faces)
        all_faces = self._ended_faces + sum(other.faces for other in self._running.values())
        self._show(self._overall, done, self._all_frames, rate=overall, faces=all_faces)

        def line() -> str:
            of = "" if promised is None else f" of {promised:,}"
            left = ""
            if self._all_frames is not None and done:
                left = f", {max(self._all_frames - done, 0) / max(overall, 1e-9):,.0f} s left in all"
            return (
                f"{task.video}: {frames:,}{of} frames, {rate:.1f} frames/s, {faces:,} faces; "
                f"{self._ended:,} of {len(self._expected):,} videos ended, {overall:.1f} frames/s{left}"
            )

        self.shown.line(line)

    def note(self, text: str) -> None:
        """Say it at once, above the bars."""
        self.shown.say(f"note: {one_line(text)}")

    def end(self, result: Result) -> None:
        """A video is finished."""
        running = self._running.pop(result.video)
        self._ended += 1
        self._ended_frames += running.frames
        self._ended_faces += running.faces
        self._expected[result.video] = running.frames  # whatever the header promised
        self.shown.remove(running.bar)
        self._show(self._overall, self._ended_frames + self._running_frames, self._all_frames)

    def _new_bar(self, name: str, promised: int | None) -> TaskID | None:
        return self.shown.add(name, total=promised, count=_count(0, promised), rate=0.0, faces=0)

    def _show(self, bar: TaskID | None, frames: int, promised: int | None, **fields: Any) -> None:
        self.shown.update(bar, completed=frames, total=promised, count=_count(frames, promised), **fields)

    @property
    def _running_frames(self) -> int:
        return sum(running.frames for running in self._running.values())

    @property
    def _all_frames(self) -> int | None:
        """The frames of all videos, None where the header of one that has not ended does not tell."""
        known = [frames for frames in self._expected.values() if frames is not None]
        return sum(known) if len(known) == len(self._expected) else None

    def __enter__(self) -> Self:
        self.shown.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shown.__exit__(kind, value, trace)


def _count(frames: int, promised: int | None) -> str:
    return f"{frames:,}" if promised is None else f"{frames:,}/{promised:,}"
