"""A command run to its end, with its time and the memory of all its processes."""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Watched:
    """A command's standard output, its seconds, those of all cores, and the peak of its processes' memory, MB."""

    output: str
    seconds: float
    processor_s: float
    peak_mb: float


def run_watched(command: list[str]) -> Watched:
    """Run a command to its end."""
    began, cpu_before = time.perf_counter(), processor_seconds()
    process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            try:
                tree = [process, *process.children(recursive=True)]
                peak[0] = max(peak[0], sum(p.memory_info().rss for p in tree) / 1e6)
            except psutil.Error:
                continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    stop.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Watched(output, time.perf_counter() - began, processor_seconds() - cpu_before, peak[0])


def processor_seconds() -> float:
    """Of all processes so far that this one and theirs have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
