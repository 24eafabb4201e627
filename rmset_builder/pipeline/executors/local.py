"""On this machine: videos one after the other in this process, or several at once in processes of their own.

Processes and not threads: what Python itself does for a frame would keep one core busy and let the others wait.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

from rmset_builder.core.child_processes import belong_to_parent, interruptions_wait
from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.pipeline.engine import EngineSpec, open_engine
from rmset_builder.pipeline.executors.base import Reporter, ends_the_run
from rmset_builder.pipeline.failures import WORKER_DIED, failed
from rmset_builder.pipeline.one_video import run_one
from rmset_builder.pipeline.results import Result
from rmset_builder.pipeline.shared_models import shared_models
from rmset_builder.pipeline.signs_of_life import Alive, Pulse, Silence
from rmset_builder.pipeline.task import Task
from rmset_builder.video.stalls import HANGS

_PATIENCE_S = 1.0


@dataclass(frozen=True)
class LocalExecutor:
    """Extracts videos on this machine, one at a time for each of ``specs``."""

    specs: Sequence[EngineSpec]

    def extract(self, work: Sequence[Task], out: Path, reporter: Reporter) -> Iterator[Result]:
        """As `Executor.extract`."""
        with shared_models(self.specs) as engines:
            if len(engines) == 1:
                yield from _alone(work, engines[0], out, reporter)
            else:
                yield from _Crew(work, engines, out, reporter).run()


def _alone(work: Sequence[Task], spec: EngineSpec, out: Path, reporter: Reporter) -> Iterator[Result]:
    with open_engine(spec) as engine:
        for task in work:
            reporter.begin(task)

            def advance(frames: int, faces: int, task: Task = task) -> None:
                reporter.advance(task, frames, faces)

            yield run_one(task, engine, out, advance)


@dataclass(frozen=True)
class _Advance:
    """A worker's word on its way."""

    frames: int
    faces: int


@dataclass
class _Worker:
    """A process and what it is at."""

    spec: EngineSpec
    process: BaseProcess
    pipe: Connection
    silence: Silence
    task: Task | None = None


class _Crew:
    """Gives videos to worker processes and collects what comes back."""

    def __init__(self, work: Sequence[Task], specs: Sequence[EngineSpec], out: Path, reporter: Reporter) -> None:
        self._left = deque(work)
        self._specs = specs[: max(1, len(work))]
        self._out = out
        self._reporter = reporter
        self._workers: dict[Connection, _Worker] = {}

    def run(self) -> Iterator[Result]:
        """The results, in the order in which videos end."""
        try:
            for spec in self._specs:
                self._start(spec)
            while any(worker.task for worker in self._workers.values()):
                began = time.monotonic()
                heard = wait(list(self._workers), min(worker.silence.step_s for worker in self._workers.values()))
                waited = time.monotonic() - began
                for worker in list(self._workers.values()):
                    if worker.pipe in heard:
                        worker.silence.end()
                        result = self._hear(worker)
                    else:
                        worker.silence.pass_by(waited)
                        result = self._give_up(worker) if worker.task and worker.silence.is_too_long else None
                    if result is not None:
                        yield result
        finally:
            self._dismiss()

    def _start(self, spec: EngineSpec) -> None:
        """A new worker with its first video."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, spec, self._out), daemon=True)
        with interruptions_wait():
            process.start()
        theirs.close()
        worker = self._workers[ours] = _Worker(spec, process, ours, Silence(spec.patience_s))
        self._give(worker)

    def _give(self, worker: _Worker) -> None:
        worker.task = self._left.popleft() if self._left else None
        if worker.task is not None:
            self._reporter.begin(worker.task)
        with contextlib.suppress(OSError):  # a worker that has just died is heard of soon enough
            worker.pipe.send(worker.task)

    def _hear(self, worker: _Worker) -> Result | None:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):  # also within a message, or with one that it has not read
            return self._bury(worker)
        if isinstance(message, RmsetError):
            raise message
        if isinstance(message, Alive):
            return None
        if isinstance(message, _Advance):
            if worker.task is not None:
                self._reporter.advance(worker.task, message.frames, message.faces)
            return None
        assert isinstance(message, Result)
        if ends_the_run(message):
            self._left.clear()
        self._give(worker)
        return message

    def _bury(self, worker: _Worker) -> Result | None:
        """A worker is gone: killed, out of memory, crashed."""
        worker.process.join()
        return self._replace(
            worker,
            WORKER_DIED,
            f"ended with {worker.process.exitcode}",
            remedy="memory may have run out: try fewer --jobs",
        )

    def _give_up(self, worker: _Worker) -> Result | None:
        """A worker gives no sign of life any more."""
        worker.process.kill()
        worker.process.join()
        return self._replace(
            worker,
            HANGS,
            f"did nothing for {worker.silence.limit_s:g} s and was ended",
            remedy="run the same command again; where it hangs again, leave the video out",
        )

    def _replace(self, worker: _Worker, reason: str, what: str, *, remedy: str) -> Result | None:
        """The video of a worker that is no more failed; another worker takes its place."""
        del self._workers[worker.pipe]
        task = worker.task
        if self._left:
            self._start(worker.spec)
        if task is None:
            return None
        fault = VideoError(reason, f"{task.path}: the process at work on it {what}", remedy=remedy)
        return failed(task, fault, self._out, 0.0)

    def _dismiss(self) -> None:
        """End all workers, in a hurry where they are not idle."""
        for worker in self._workers.values():
            if worker.task is not None:
                worker.process.terminate()
            worker.pipe.close()
        deadline = time.monotonic() + _PATIENCE_S
        for worker in self._workers.values():
            worker.process.join(max(deadline - time.monotonic(), 0))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _work(pipe: Connection, spec: EngineSpec, out: Path) -> None:
    """A worker's life: videos come through the pipe until None or its end does."""
    with contextlib.suppress(KeyboardInterrupt, EOFError, ConnectionError):
        belong_to_parent()
        signal.signal(signal.SIGTERM, _stop)
        one_at_a_time = threading.Lock()

        def tell(word: Alive | _Advance | Result | RmsetError) -> None:
            with one_at_a_time:
                pipe.send(word)

        Pulse(tell, spec.patience_s)
        try:
            with open_engine(spec) as engine:
                while (task := pipe.recv()) is not None:
                    tell(run_one(task, engine, out, lambda *done: tell(_Advance(*done))))
        except RmsetError as error:
            tell(error)


def _stop(number: int, _: FrameType | None) -> None:
    """Leave everything in order, and do not be interrupted at that by a second request."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
