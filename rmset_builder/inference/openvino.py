"""OpenVINO in place of ONNX Runtime on CPUs: bfloat16 where the processor has it, float32 elsewhere."""

from __future__ import annotations

import functools
import importlib
import queue
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rmset_builder.core.errors import RmsetError
from rmset_builder.inference.batches import Rows, by_row, joined, padded, split
from rmset_builder.inference.compiled import compiled

_INSTALL = 'python -m pip install "rmset-builder[openvino]"'


class OpenVinoRunner:
    """Runs up to ``callers`` batches of a fixed size side by side, each on one core.

    Args:
        graph: the serialised ONNX graph.
        batch: its first dimension.
        callers: so many threads may call `run` at once without waiting for each other.

    Raises:
        RmsetError: OpenVINO is not installed, or cannot read the graph.
    """

    def __init__(self, graph: bytes, batch: int, *, callers: int) -> None:
        self._batch = batch
        config = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": str(callers),
            "INFERENCE_NUM_THREADS": str(callers),
            "INFERENCE_PRECISION_HINT": best_precision(),
            # Cores are shared with decoding and encoding, of which OpenVINO knows nothing.
            "ENABLE_CPU_PINNING": "NO",
        }
        try:
            model = compiled(_core(), graph, config)
        except RuntimeError as error:
            raise RmsetError(
                f"OpenVINO cannot run the model ({str(error).strip().splitlines()[0]})",
                remedy="do without --engine openvino",
            ) from error
        self._outputs = range(len(model.outputs))
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(callers):
            self._free.put(model.create_infer_request())

    def run(self, rows: Rows) -> list[Rows]:
        """See `Runner`."""
        request = self._free.get()
        try:
            parts = []
            for chunk in split(rows, self._batch):
                found = request.infer([padded(chunk, self._batch)])
                # The request's own memory is written over by the next call.
                outputs = [found[place].copy() for place in self._outputs]
                parts.append([by_row(output, self._batch)[: len(chunk)] for output in outputs])
            return joined(parts)
        finally:
            self._free.put(request)

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
