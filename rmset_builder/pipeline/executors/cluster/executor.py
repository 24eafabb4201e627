"""The executor by Ray, as the command sees it: a driver in a process of its own, and patience that ends."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from rmset_builder.core.child_processes import interruptions_wait
from rmset_builder.core.errors import RmsetError, one_line
from rmset_builder.pipeline.executors.base import Reporter
from rmset_builder.pipeline.executors.cluster.driver import LOG, drive
from rmset_builder.pipeline.executors.cluster.folder import own_folder
from rmset_builder.pipeline.executors.cluster.messages import (
    Advanced,
    Begun,
    Noted,
    Place,
    Recipe,
    tasks_wherever,
    wherever,
)
from rmset_builder.pipeline.executors.cluster.session import require_answer, require_ray
from rmset_builder.pipeline.results import Result
from rmset_builder.pipeline.task import Task

# A driver speaks every second; it may take longer to find that Ray does not answer it.
_SILENCE_S = 60.0
_GOODBYE_S = 5.0
_TICK_S = 1.0


@dataclass(frozen=True)
class RayExecutor:
    """Extracts videos with Ray at ``place``."""

    place: Place
    recipe: Recipe

    def extract(self, work: Sequence[Task], out: Path, reporter: Reporter) -> Iterator[Result]:
        """As `Executor.extract`."""
        require_ray()
        if self.place.address:
            require_answer(self.place.address)
        with own_folder() as folder:
            ours, process = self._start(tasks_wherever(work), wherever(out), folder)
            try:
                for message in _messages(ours, process, self.place, folder / LOG):
                    if isinstance(message, Result):
                        yield message
                    else:
                        _report(message, reporter)
            finally:
                _end(process)
                ours.close()

    def _start(self, work: Sequence[Task], out: Path, folder: Path) -> tuple[Connection, BaseProcess]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        what = {"place": self.place, "recipe": self.recipe, "work": work, "out": out, "folder": folder}
        process = context.Process(target=drive, args=(theirs,), kwargs=what, name="ray-driver")
        with interruptions_wait():
            process.start()
        theirs.close()
        return ours, process


def _messages(pipe: Connection, process: BaseProcess, place: Place, log: Path) -> Iterator[object]:
    """What the driver says, to its end.

    Raises:
        RmsetError: the driver says so, says nothing for too long, or is gone.
    """
    heard, patience_s = time.monotonic(), place.connect_s
    while True:
        if pipe.poll(_TICK_S):
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                process.join(_GOODBYE_S)
                if process.exitcode == 0:
                    return
                raise RmsetError(
                    f"the connection to Ray is lost ({_last_line(log)})",
                    remedy="see whether the cluster's head is alive: ray status; what is complete stays",
                ) from None
            heard, patience_s = time.monotonic(), place.patience_s + _SILENCE_S
            if isinstance(message, RmsetError):
                raise message
            yield message
        elif time.monotonic() - heard > patience_s:
            raise RmsetError(
                f"Ray has not answered for {patience_s:.0f} s{f' at {place.address}' if place.address else ''}",
                remedy="see whether the cluster's head is alive: ray status; what is complete stays",
            )


def _report(message: object, reporter: Reporter) -> None:
    match message:
        case Begun(task):
            reporter.begin(task)
        case Advanced(task, frames, faces):
            reporter.advance(task, frames, faces)
        case Noted(text) if text:
            reporter.note(text)


def _end(process: BaseProcess) -> None:
    """Let the driver say goodbye to Ray; what it started itself ends with it, also where it is killed."""
    if process.is_alive():
        process.terminate()
    process.join(_GOODBYE_S)
    if process.is_alive():
        process.kill()
        process.join()


def _last_line(log: Path) -> str:
    try:
        lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    return one_line(lines[-1].strip())[:300] if lines else "its driver has ended"
