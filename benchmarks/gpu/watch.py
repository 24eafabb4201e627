"""How busy the machine is while something runs: GPU by `nvidia-smi`, cores by the operating system."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from typing import Any, Self

import numpy as np
import psutil

_COLUMNS = "utilization.gpu,utilization.decoder,utilization.encoder,memory.used,name"
_EVERY_S = 0.5


class Watch:
    """Samples until it is left; see `summary`."""

    def __init__(self, gpu: int | None) -> None:
        self._command = ["nvidia-smi", f"--query-gpu={_COLUMNS}", "--format=csv,noheader,nounits", "-lms", "500"]
        self._command += [f"--id={gpu}"]
        self._gpu = gpu is not None and shutil.which("nvidia-smi") is not None
        self._cpu: list[tuple[float, float]] = []
        self._smi: list[tuple[float, list[str]]] = []
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        self._process: subprocess.Popen[str] | None = None
        self._threads = [threading.Thread(target=self._sample_cpu)]
        if self._gpu:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
            self._threads.append(threading.Thread(target=self._sample_gpu))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._process is not None:
            self._process.terminate()
        for thread in self._threads:
            thread.join()

    def _sample_cpu(self) -> None:
        psutil.cpu_percent()
        while not self._stop.wait(_EVERY_S):
            self._cpu.append((time.monotonic(), psutil.cpu_percent()))

    def _sample_gpu(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                self._smi.append((time.monotonic(), [part.strip() for part in line.split(",")]))

    def summary(self, since: float = 0.0, until: float = float("inf")) -> dict[str, Any]:
        """Means, in per cent, of the samples between two times of `time.monotonic`; memory in MiB at its most."""
        cpu = [busy for at, busy in self._cpu if since <= at <= until]
        found: dict[str, Any] = {"cores_busy": _mean(cpu)}
        rows = [row for at, row in self._smi if since <= at <= until]
        if rows:
            for place, name in enumerate(("gpu_busy", "decoder_busy", "encoder_busy")):
                found[name] = _mean([float(row[place]) for row in rows if row[place].replace(".", "").isdigit()])
            found["gpu_memory_mib"] = max(float(row[3]) for row in rows)
            found["gpu"] = rows[0][4]
        return found


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 1) if values else None
