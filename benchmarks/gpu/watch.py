"""How busy the machine is while something runs: the GPU by NVIDIA's own library, cores by the operating system."""

from __future__ import annotations

import threading
import time
from typing import Any, Self

import numpy as np
import psutil

_EVERY_S = 0.25


class Watch:
    """Samples until it is left; see `summary`. ``gpu`` is the one to watch, None for the cores alone."""

    def __init__(self, gpu: int | None) -> None:
        self._gpu = _Gpu(gpu) if gpu is not None else None
        self._samples: list[tuple[float, dict[str, float]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        psutil.cpu_percent()
        while not self._stop.wait(_EVERY_S):
            busy = self._gpu.busy() if self._gpu is not None else {}
            self._samples.append((time.monotonic(), {"cores_busy": psutil.cpu_percent(), **busy}))

    def summary(self, since: float = 0.0, until: float = float("inf")) -> dict[str, Any]:
        """Means, in per cent, of the samples between two times of `time.monotonic`; memory in MiB at its most."""
        samples = [sample for at, sample in self._samples if since <= at <= until]
        found: dict[str, Any] = {"samples": len(samples)}
        for name in samples[0] if samples else ():
            values = [sample[name] for sample in samples]
            found[name] = max(values) if name.endswith("_mib") else round(float(np.mean(values)), 1)
        return found | ({"gpu": self._gpu.name} if self._gpu is not None else {})


class _Gpu:
    def __init__(self, number: int) -> None:
        import pynvml  # noqa: PLC0415  only machines with a GPU need it

        pynvml.nvmlInit()
        self._nvml, self._handle = pynvml, pynvml.nvmlDeviceGetHandleByIndex(number)
        self.name = str(pynvml.nvmlDeviceGetName(self._handle))

    def busy(self) -> dict[str, float]:
        """GPU, its memory's path and the decoder in per cent; memory in use in MiB."""
        nvml, handle = self._nvml, self._handle
        rates = nvml.nvmlDeviceGetUtilizationRates(handle)
        return {
            "gpu_busy": rates.gpu,
            "gpu_memory_path_busy": rates.memory,
            "decoder_busy": nvml.nvmlDeviceGetDecoderUtilization(handle)[0],
            "gpu_memory_mib": nvml.nvmlDeviceGetMemoryInfo(handle).used / 2**20,
        }
