"""OpenVINO in place of ONNX Runtime on CPUs: bfloat16 where the processor has it, float32 elsewhere."""

from __future__ import annotations

import contextlib
import functools
import importlib
import queue
import threading
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rmset_builder.core.errors import RmsetError
from rmset_builder.inference.batches import Rows, by_row, joined, padded, split
from rmset_builder.inference.compiled import compiled

_INSTALL = 'python -m pip install "rmset-builder[openvino]"'


class OpenVinoRunner:
    """Runs up to ``callers`` batches of a fixed size side by side, each in its caller's thread.

    OpenVINO computes in the thread that asks where it has one thread and one stream, of which a model is busy with one
    batch at a time. So each caller who finds all models busy gets a further one: threads of OpenVINO's own, of which
    its many streams are made, would be more than there are cores.

    Args:
        graph: the serialised ONNX graph.
        batch: its first dimension.
        callers: so many threads may call `run` at once without waiting for each other.

    Raises:
        RmsetError: OpenVINO is not installed, or cannot read the graph.
    """

    def __init__(self, graph: bytes, batch: int, *, callers: int) -> None:
        self._graph, self._batch = graph, batch
        self._more_models = threading.Semaphore(callers)
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._free.put(self._further())

    def run(self, rows: Rows) -> list[Rows]:
        """See `Runner`."""
        request = self._free_one()
        try:
            parts = []
            for chunk in split(rows, self._batch):
                found = request.infer([padded(chunk, self._batch)])
                # The request's own memory is written over by the next call.
                outputs = [output.copy() for output in found.values()]
                parts.append([by_row(output, self._batch)[: len(chunk)] for output in outputs])
            return joined(parts)
        finally:
            self._free.put(request)

    def _free_one(self) -> Any:
        with contextlib.suppress(queue.Empty):
            return self._free.get_nowait()
        return self._further() or self._free.get()

    def _further(self) -> Any:
        """The one request of a further model; None where there are as many as callers."""
        if not self._more_models.acquire(blocking=False):
            return None
        config = {
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": "1",
            "INFERENCE_PRECISION_HINT": best_precision(),
            # Cores are shared with decoding and encoding, of which OpenVINO knows nothing.
            "ENABLE_CPU_PINNING": "NO",
        }
        try:
            return compiled(_core(), self._graph, config).create_infer_request()
        except RuntimeError as error:
            raise RmsetError(
                f"OpenVINO cannot run the model ({str(error).strip().splitlines()[0]})",
                remedy="do without --engine openvino",
            ) from error

    def close(self) -> None:
        """Nothing is held but the model."""


def require_openvino() -> str:
    """The installed version.

    Raises:
        RmsetError: there is none.
    """
    try:
        return version("openvino")
    except PackageNotFoundError as error:
        raise RmsetError("--engine openvino: OpenVINO is not installed", remedy=f"run: {_INSTALL}") from error


@functools.cache
def best_precision() -> str:
    """``bf16`` where the processor computes in it (AVX512-BF16, AMX), which is faster; else ``f32``."""
    able = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in able else "f32"


@functools.cache
def _core() -> Any:
    require_openvino()
    return importlib.import_module("openvino").Core()
