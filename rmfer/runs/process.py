"""One run as a process of its own, which no other process can train at the same time."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rmfer.runs.job import Job
from rmset_builder.core.errors import one_line

LOCK, TOLD = ".lock", "told.txt"
# Batches of one size come and go: glibc shall keep their memory rather than give it back each time.
_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(1 << 26),
}
_LONGEST = 400


@dataclass(frozen=True)
class Running:
    """A run under way: its process, the device that it was given, and where its part of ``told.txt`` begins."""

    job: Job
    process: subprocess.Popen[bytes]
    device: str | None
    told_from: int

    def ask_to_stop(self) -> None:
        """Let it end its step, leave a checkpoint and stop."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def reason(self) -> str:
        """Why it failed: its exit code or signal, and the last line that it said."""
        code = self.process.poll() or 0
        ended = f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
        with (self.job.folder / TOLD).open("rb") as told:
            told.seek(self.told_from)
            lines = told.read().decode(errors="replace").strip().splitlines()
        return f"{ended}: {one_line(lines[-1][-_LONGEST:])}" if lines else ended


def start(job: Job, *, threads: int, device: str | None = None) -> Running | None:
    """Begin a run, or go on with it.

    Args:
        job: which.
        threads: that it may compute with.
        device: "cpu", "cuda:1"; None leaves it to the job's arguments.

    Returns:
        None where another process is at it, or has just ended it.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(job.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        # What another process left is known only once it can no longer change.
        if not _take(lock) or job.is_done:
            return None
        with (job.folder / TOLD).open("ab") as told:
            told_from = told.tell()
            process = subprocess.Popen(
                _command(job, device),
                env=_environment(threads),
                stdin=subprocess.PIPE,
                stdout=told,
                stderr=told,
                # The lock is the run's own: it is free when the run has ended, whatever becomes of this process.
                pass_fds=(lock,),
                # Ctrl-C comes to it once, from here.
                start_new_session=True,
            )
            return Running(job, process, device, told_from)
    finally:
        os.close(lock)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # some clusters' file systems have no locks, and train all the same
    return True


def _command(job: Job, device: str | None) -> list[str]:
    command = [sys.executable, "-m", "rmfer.runs.child", "train", "--out", str(job.folder), *job.arguments]
    return [*command, *(["--device", device] if device else []), *(["--resume"] if job.is_begun else [])]


def _environment(threads: int) -> dict[str, str]:
    # The same code as here, wherever Python would look first.
    here = Path(__file__).parents[2]
    python_path = os.pathsep.join(filter(None, [str(here), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **_MALLOC, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": python_path}
