"""Would another engine run the models faster on this processor, and how much?"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rmset_builder.doctor.finding import Finding, Mark
from rmset_builder.pipeline.model_pack import ModelPack

if TYPE_CHECKING:
    from rmset_builder.inference.session import Device

_FLAGS = ("avx512_bf16", "amx_bf16")
_ROUNDS = 15
_INSTALL = 'python -m pip install "rmset-builder[openvino]"'

Speeds = dict[str, tuple[float, float]]


def check_openvino(pack: ModelPack) -> Finding:
    """What OpenVINO brings here, measured where it is installed; it is never needed."""
    name = "openvino"
    if find_spec("openvino") is None:
        if computes_in_bf16():
            found = "not installed; this processor computes in bfloat16, where it is faster than ONNX Runtime as a rule"
            return Finding(name, Mark.OK, f"{found}: {_INSTALL}")
        return Finding(name, Mark.OK, "not installed; on this processor, without bfloat16, it would bring little")
    from rmset_builder.inference.openvino import best_precision, require_openvino  # noqa: PLC0415

    with _cache_of_its_own():
        speeds = measured(pack)
    told = ", ".join(f"{model} {ours / theirs:.1f} times" for model, (ours, theirs) in speeds.items())
    found = f"{require_openvino()} in {best_precision()}: {told} as fast as with ONNX Runtime"
    return Finding(name, Mark.OK, f"{found} (rmset extract --engine openvino)")


def computes_in_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16, as far as the system tells."""
    try:
        words = cpuinfo.read_text("utf-8", "replace").split()
    except OSError:
        return False
    return any(flag in words for flag in _FLAGS)


def measured(pack: ModelPack) -> Speeds:
    """Seconds a run on one core, by turns: of each model ONNX Runtime's and OpenVINO's, medians."""
    # Imported here, as doctor must start where they are missing.
    from rmset_builder.inference.session import ONNX_RUNTIME, OPENVINO, Device  # noqa: PLC0415

    found: Speeds = {}
    for model, opened in (("detector", _detector), ("recogniser", _recogniser)):
        with opened(pack, Device(runtime=ONNX_RUNTIME)) as ours, opened(pack, Device(runtime=OPENVINO)) as theirs:
            seconds: tuple[list[float], list[float]] = ([], [])
            for number in range(_ROUNDS + 1):
                for run, spent in zip((ours, theirs), seconds, strict=True):
                    began = time.perf_counter()
                    run()
                    if number:  # the first sets up
                        spent.append(time.perf_counter() - began)
        found[model] = (statistics.median(seconds[0]), statistics.median(seconds[1]))
    return found


@contextmanager
def _cache_of_its_own() -> Iterator[None]:
    """Looking at a machine leaves nothing there: what OpenVINO compiles within the block is not kept."""
    from rmset_builder.storage.cache import VARIABLE  # noqa: PLC0415

    before = os.environ.get(VARIABLE)
    with TemporaryDirectory(prefix="rmset-doctor-") as folder:
        os.environ[VARIABLE] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before


@contextmanager
def _detector(pack: ModelPack, device: Device) -> Iterator[Callable[[], object]]:
    import numpy as np  # noqa: PLC0415

    from rmset_builder.detection.base import InputSize  # noqa: PLC0415
    from rmset_builder.detection.detectors import kind_of_file  # noqa: PLC0415

    size = InputSize(640, 384)
    picture = np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)
    kind = kind_of_file(pack.detector)
    with closing(kind.open(pack.detector, size=size, batch=1, device=device, threshold=0.5)) as detector:
        yield lambda: detector.detect([picture])


@contextmanager
def _recogniser(pack: ModelPack, device: Device) -> Iterator[Callable[[], object]]:
    import numpy as np  # noqa: PLC0415

    from rmset_builder.identity.embedder import Embedder  # noqa: PLC0415

    face = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    with closing(Embedder(pack.recogniser, batch=1, device=device)) as embedder:
        yield lambda: embedder.embed([face])
