"""Trainings of a comparison: some run at a time until the time is over, and the next call goes on with them.

Each is `rmfer train` in a process of its own, on the device that has fewest. One that is done is not done again; one
that is asked to stop leaves a checkpoint; one that another process is at is left to it until that has ended.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console

from rmfer.runs.job import Job
from rmfer.runs.process import Running, start
from rmfer.training.interrupts import Interrupts
from rmset_builder.core.machine import usable_cores
from rmset_builder.core.progress import Reporter, usual_columns

# A run that is asked to stop ends its step and writes its checkpoint in this time.
GRACE = 20.0
_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class Ended:
    """How it went: why runs failed, by folder, and whether somebody asked to stop."""

    failed: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


class Stop(Interrupts):
    """Whether to stop: the time is over, or somebody asked (Ctrl-C, SIGTERM). A context manager."""

    def __init__(self, minutes: float | None) -> None:
        super().__init__(patient=True)
        self._end = None if minutes is None else time.monotonic() + 60 * minutes - GRACE

    def __bool__(self) -> bool:
        return self.asked or (self._end is not None and time.monotonic() > self._end)


def run_all(
    jobs: Sequence[Job],
    *,
    at_once: int,
    minutes: float | None,
    devices: Sequence[str] = (),
    console: Console | None = None,
) -> Ended:
    """Run what is not done, some side by side, until it is or the time is over.

    Args:
        jobs: in the order in which they are wanted.
        at_once: how many run at a time; they share the cores evenly.
        minutes: after which all are asked to stop; None: never.
        devices: that runs are dealt to, "cuda:0"; none leaves the device to each job's arguments.
        console: to tell on how far it is; by default stderr.
    """
    with Stop(minutes) as stop, Reporter(console or Console(stderr=True), *usual_columns()) as reporter:
        work = _Work(jobs, at_once, devices, reporter)
        try:
            while work.running or (work.waiting and not stop):
                if stop:
                    work.ask_all_to_stop()
                work.look_after_running(stopping=bool(stop))
                if not stop:
                    work.start_more()
                time.sleep(_BETWEEN_LOOKS)
        finally:
            work.ask_all_to_stop()
        return Ended(work.failed, stop.asked)


def freest_device(devices: Sequence[str], taken: Sequence[str | None]) -> str | None:
    """The first of ``devices`` that fewest of the runs on the devices ``taken`` have; None where there are none.

    Example:
        >>> freest_device(["cuda:0", "cuda:1"], ["cuda:0"])
        'cuda:1'
    """
    return min(devices, key=Counter(taken).__getitem__, default=None)


class _Work:
    """What waits, what runs and what failed."""

    def __init__(self, jobs: Sequence[Job], at_once: int, devices: Sequence[str], reporter: Reporter) -> None:
        self.waiting = [job for job in jobs if not job.is_done]
        self.running: list[Running] = []
        self.failed: dict[str, str] = {}
        self._at_once, self._devices, self._reporter = at_once, devices, reporter
        self._left_to_others: set[Job] = set()
        self._asked = False
        self._began = time.monotonic()
        self._done = len(jobs) - len(self.waiting)
        self._bar = reporter.add("runs", total=len(jobs), completed=self._done)

    def start_more(self) -> None:
        """Begin runs that are ready while there is room for them."""
        for job in [job for job in self.waiting if job.is_ready]:
            if len(self.running) == self._at_once:
                return
            is_begun = job.is_begun
            device = freest_device(self._devices, [run.device for run in self.running])
            started = start(job, threads=max(1, usable_cores() // self._at_once), device=device)
            if started is not None:
                self.waiting.remove(job)
                self.running.append(started)
                where = f" on {started.device}" if started.device else ""
                self._tell(job, f"{'goes on' if is_begun else 'begins'}{where}")
            elif job.is_done:
                self.waiting.remove(job)
                self._note_done(job)
            elif job not in self._left_to_others:
                self._left_to_others.add(job)
                self._tell(job, f"another process is at it, in {job.folder}; it is left to that one")

    def look_after_running(self, *, stopping: bool) -> None:
        """Take note of what has ended."""
        for run in [run for run in self.running if run.process.poll() is not None]:
            self.running.remove(run)
            if run.job.is_done:
                self._note_done(run.job)
            elif not stopping:
                self.failed[run.job.folder.name] = run.reason()
                self._tell(run.job, f"failed: {run.reason()}")
                self.waiting = [job for job in self.waiting if job.base != run.job.folder]

    def ask_all_to_stop(self) -> None:
        """Once: a second time would end them at once."""
        if not self._asked:
            for run in self.running:
                run.ask_to_stop()
        self._asked = True

    def _note_done(self, job: Job) -> None:
        self._done += 1
        self._reporter.update(self._bar, completed=self._done)
        last = job.results()["last"]
        # By the test split nothing shall be chosen, so it is not what passes before one's eyes.
        split = "valid" if last.get("valid") else "test"
        found = f", {split} overall {100 * last[split]['overall']:.2f} %" if split in last else ""
        self._tell(job, f"done{found}")

    def _tell(self, job: Job, what: str) -> None:
        self._reporter.say(f"{time.monotonic() - self._began:,.0f} s: {job.title}: {what}")
