"""Progress of an extraction on stderr: bars on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from rmset_builder.batch import Result
from rmset_builder.errors import VideoError
from rmset_builder.extract import Task
from rmset_builder.video import VideoInfo

_SECONDS_BETWEEN_LINES = 10.0


class ProgressReporter:
    """Shows frames, frames per second, faces and the time left, per video and over all.

    Args:
        tasks: all videos that will be worked on; their headers tell how long they are.
        console: where to write; bars where it is a terminal.
    """

    def __init__(self, tasks: list[Task], console: Console) -> None:
        self._console = console
        self._total = {task.video: _expected_frames(task) for task in tasks}
        self._all_frames = sum(self._total.values())
        self._frames_before = 0
        self._finished = 0
        self._began = time.monotonic()
        self._video_began = self._began
        self._last_line = self._began
        self._frames = 0
        self._bars: Progress | None = None
        self._bar_of: dict[str, TaskID] = {}
        if console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}", justify="left"),
                BarColumn(),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f} frames"),
                TextColumn("{task.fields[rate]:.1f} frames/s"),
                TextColumn("{task.fields[faces]:,} faces"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            if len(tasks) > 1:
                self._bar_of[""] = self._bars.add_task("all videos", total=self._all_frames, rate=0.0, faces=0)
        self._faces_before = 0
        self._faces = 0

    def begin(self, task: Task) -> None:
        """A video's turn has come."""
        self._video_began = time.monotonic()
        self._frames = self._faces = 0
        if self._bars is not None:
            total = self._total[task.video]
            self._bar_of[task.video] = self._bars.add_task(task.video, total=total, rate=0.0, faces=0)

    def advance(self, task: Task, frames: int, faces: int) -> None:
        """So many frames and faces of the video are done."""
        self._frames, self._faces = frames, faces
        now = time.monotonic()
        rate = frames / max(now - self._video_began, 1e-9)
        if self._bars is not None:
            total = max(self._total[task.video], frames)
            self._bars.update(self._bar_of[task.video], completed=frames, total=total, rate=rate, faces=faces)
            if "" in self._bar_of:
                done = self._frames_before + frames
                overall = done / max(now - self._began, 1e-9)
                faces_in_all = self._faces_before + faces
                self._bars.update(self._bar_of[""], completed=done, rate=overall, faces=faces_in_all)
        elif now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            left = max(self._all_frames - self._frames_before - frames, 0)
            overall = (self._frames_before + frames) / max(now - self._began, 1e-9)
            self._console.print(
                f"{task.video}: {frames:,} of {self._total[task.video]:,} frames, {rate:.1f} frames/s, "
                f"{faces:,} faces; "
                f"video {self._finished + 1} of {len(self._total)}, {left / max(overall, 1e-9):,.0f} s left in all",
                highlight=False,
                soft_wrap=True,
            )

    def end(self, result: Result) -> None:
        """A video is finished."""
        self._finished += 1
        self._frames_before += self._total.get(result.video, 0)
        self._faces_before += self._faces
        if self._bars is not None and result.video in self._bar_of:
            self._bars.remove_task(self._bar_of.pop(result.video))

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()


def _expected_frames(task: Task) -> int:
    try:
        return VideoInfo.from_path(task.path).expected_frames
    except VideoError:
        return 0
