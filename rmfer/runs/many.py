"""Trainings of a comparison: some run at a time until the time is over, and the next call goes on with them.

Each is `rmfer train` in a process of its own. One that is done is not done again; one that is asked to stop leaves a
checkpoint.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from rmset_builder.core.machine import usable_cores

# A run that is asked to stop ends its step and writes its checkpoint in this time.
GRACE = 20.0
# Batches of one size come and go: glibc shall keep their memory rather than give it back each time.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(1 << 26),
}


@dataclass(frozen=True)
class Job:
    """A run: an arm with a seed, the run that it begins from, and the arguments of `rmfer train` beside ``--out``."""

    arm: str
    seed: int
    folder: Path
    base: Path | None = None
    arguments: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether its results are there."""
        return (self.folder / "results.json").is_file()

    @property
    def is_ready(self) -> bool:
        """Whether what it begins with is there."""
        return self.base is None or (self.base / "results.json").is_file()

    def results(self) -> dict[str, Any]:
        """What `rmfer train` found."""
        found: dict[str, Any] = json.loads((self.folder / "results.json").read_text())
        return found


def start(job: Job, jobs: int) -> subprocess.Popen[bytes]:
    """Begin a run, or go on with it; it shares the cores with as many others as make up ``jobs``."""
    command = [sys.executable, "-m", "rmfer", "train", "--out", str(job.folder), *job.arguments]
    if any((job.folder / name).is_file() for name in ("last.ckpt", "log.jsonl")):
        command += ["--resume"]
    threads = str(max(1, usable_cores() // jobs))
    # The same code as here, wherever Python would look first.
    here = Path(__file__).parents[2]
    python_path = os.pathsep.join(filter(None, [str(here), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **MALLOC, "OMP_NUM_THREADS": threads, "PYTHONPATH": python_path}
    job.folder.mkdir(parents=True, exist_ok=True)
    with (job.folder / "told.txt").open("ab") as told:
        # In a session of its own, so that Ctrl-C comes to it once, from here.
        return subprocess.Popen(command, env=environment, stdout=told, stderr=told, start_new_session=True)


def assignments(settings: Mapping[str, Any]) -> list[str]:
    """Settings as `rmfer train` takes them."""
    texts = ((name, value if isinstance(value, str) else json.dumps(value)) for name, value in settings.items())
    return [word for name, text in texts for word in ("--set", f"{name}={text}")]


class Stop:
    """Whether to stop: the time is over, or somebody asked."""

    def __init__(self, minutes: float | None) -> None:
        self.asked = False
        self._end = None if minutes is None else time.monotonic() + 60 * minutes - GRACE
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._ask)

    def __bool__(self) -> bool:
        return self.asked or (self._end is not None and time.monotonic() > self._end)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def run_all(jobs: Sequence[Job], *, at_once: int, minutes: float | None) -> dict[str, str]:
    """Run what is not done, some side by side, until it is or the time is over; why runs failed, by folder."""
    waiting = [job for job in jobs if not job.is_done]
    running: dict[Job, subprocess.Popen[bytes]] = {}
    failed: dict[str, str] = {}
    began, stop, told = time.monotonic(), Stop(minutes), False
    while running or (waiting and not stop):
        if stop and not told:
            for process in running.values():
                process.send_signal(signal.SIGINT)
            told = True
        for job, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[job]
            seconds = time.monotonic() - began
            if job.is_done:
                found = {rule: value["overall"] for rule, value in job.results()["last"].items() if "test" in rule}
                print(f"{seconds:,.0f} s: {job.arm} seed {job.seed}: last epoch, overall: {found}", flush=True)
            elif not stop:
                failed[job.folder.name] = (
                    f"exit code {process.returncode}: " + (job.folder / "told.txt").read_text(errors="replace")[-400:]
                )
                print(f"{job.arm} seed {job.seed} failed: {failed[job.folder.name]}", file=sys.stderr, flush=True)
                waiting = [other for other in waiting if other.base != job.folder]
        ready = [job for job in waiting if job.is_ready]
        if not stop and ready and len(running) < at_once:
            waiting.remove(ready[0])
            running[ready[0]] = start(ready[0], at_once)
            continue
        time.sleep(0.2)
    return failed
