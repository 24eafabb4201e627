"""Do the models load and really run, on the CPU and on the GPU?"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from importlib import metadata
from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.doctor.engines import check_openvino
from rmset_builder.doctor.finding import Finding, Mark, failure, guarded, mend_of, reason
from rmset_builder.pipeline.model_pack import DEFAULT_PACK, DOWNLOADABLE_PACKS, ModelPack, load_pack

_REINSTALL = "python -m pip install --force-reinstall --no-deps"
_INSTALL_CUDA = f"{_REINSTALL} onnxruntime-gpu"
_CUDA = "CUDAExecutionProvider"
_DETECTOR_INPUT = (1, 3, 640, 640)
_RECOGNISER_INPUT = (1, 3, 112, 112)


def model_findings(models: str, gpu: int | None) -> Iterator[Finding]:
    """ONNX Runtime, the model pack, and both models run on the CPU and, where there is one, on the GPU."""
    yield (runtime := guarded("onnxruntime", partial(check_runtime, gpu)))
    yield (found := guarded("models", partial(check_pack, models)))
    if runtime.mark is not Mark.FAIL and found.mark is Mark.OK:
        pack = load_pack(models)
        yield guarded("detector", partial(check_on_cpu, "detector", pack.detector, _DETECTOR_INPUT))
        yield guarded("recogniser", partial(check_on_cpu, "recogniser", pack.recogniser, _RECOGNISER_INPUT))
        yield guarded("openvino", partial(check_openvino, pack))
        yield guarded("cuda", partial(check_cuda, pack, gpu))


def check_runtime(gpu: int | None) -> Finding:
    """ONNX Runtime imports, and its CPU and GPU builds did not overwrite each other."""
    name = "onnxruntime"
    builds = installed_builds()
    gpu_build = "onnxruntime-gpu" in builds
    try:
        runtime = importlib.import_module("rmset_builder.inference.ort").ort
        providers: list[str] = runtime.get_available_providers()
    except (ImportError, AttributeError) as error:
        wanted = "onnxruntime-gpu" if gpu_build else "onnxruntime"
        return Finding(name, Mark.FAIL, f"does not import ({reason(error)})", f"{_REINSTALL} {wanted}")
    shown = ", ".join(provider.removesuffix("ExecutionProvider") for provider in providers)
    found = f"{runtime.__version__}, providers: {shown}"
    if gpu_build and _CUDA not in providers:
        fault = "onnxruntime overwrote onnxruntime-gpu" if "onnxruntime" in builds else "onnxruntime-gpu is broken"
        return Finding(name, Mark.WARN if gpu is None else Mark.FAIL, f"{found}: {fault}", _INSTALL_CUDA)
    return Finding(name, Mark.OK, found)


def check_pack(models: str) -> Finding:
    """The model pack is there and its files are the right ones; nothing is downloaded to find out."""
    name = "models"
    # Where insightface keeps its packs; `rmset extract` downloads what is not there.
    if models in DOWNLOADABLE_PACKS and not Path("~/.insightface/models", models).expanduser().is_dir():
        found = f"{models} is not here yet; `rmset extract` downloads it once"
        return Finding(name, Mark.WARN, found, f"rmset extract --models {models}")
    try:
        pack = load_pack(models)
    except RmsetError as error:
        if models == DEFAULT_PACK:
            raise
        return Finding(name, Mark.FAIL, str(error), f"rmset extract --models {DEFAULT_PACK}")
    found = f"{pack.name}: {pack.detector.name}, {pack.recogniser.name} (sha256 {pack.sha256[:12]})"
    return Finding(name, Mark.OK, found)


def check_on_cpu(name: str, model: Path, shape: tuple[int, ...]) -> Finding:
    """A model runs once on the CPU and gives finite numbers."""
    return Finding(name, Mark.OK, f"{model.name} ran on the CPU in {_run(model, shape, None):.0f} ms")


def check_cuda(pack: ModelPack, gpu: int | None) -> Finding:
    """The detector really runs on the GPU; without one, or without ``--gpu``, the CPU will do."""
    name, cards = "cuda", nvidia_cards()
    none = Finding(name, Mark.OK, "no NVIDIA GPU: models run on the CPU")
    card = cards[gpu or 0] if len(cards) > (gpu or 0) else "unknown to nvidia-smi"
    providers: list[str] = importlib.import_module("rmset_builder.inference.ort").ort.get_available_providers()
    if gpu is None and _CUDA not in providers:
        found = f"{card}, but this ONNX Runtime has no CUDA: models run on the CPU"
        return Finding(name, Mark.WARN, found, _INSTALL_CUDA) if cards else none
    mark = Mark.WARN if gpu is None else Mark.FAIL
    try:
        milliseconds = _run(pack.detector, _DETECTOR_INPUT, gpu or 0)
    except RmsetError as error:
        if cards:
            return failure(name, error, mark)
        # Containers without nvidia-smi can have a GPU, so only a failed run tells that there is none.
        found = f"{error.message}; nvidia-smi lists no GPU"
        return none if gpu is None else Finding(name, mark, found, mend_of(error.remedy))
    except Exception as error:
        return Finding(name, mark, f"the detector does not run on cuda:{gpu or 0} ({reason(error)})", _INSTALL_CUDA)
    return Finding(name, Mark.OK, f"the detector ran on cuda:{gpu or 0} in {milliseconds:.0f} ms ({card})")


def _run(model: Path, shape: tuple[int, ...], gpu: int | None) -> float:
    """Run a model on noise, twice as the first run sets up; milliseconds of the second.

    Raises:
        RmsetError: it gives numbers that are not finite.
    """
    # Imported here, as doctor must start where they are missing.
    import numpy as np  # noqa: PLC0415

    from rmset_builder.inference.session import Device, open_session  # noqa: PLC0415

    session = open_session(str(model), Device(gpu), probe=True)
    wanted = session.get_inputs()[0]
    # A fixed side is a number in the graph, a free one a name or nothing.
    sides = [side if isinstance(side, int) else free for side, free in zip(wanted.shape, shape, strict=True)]
    noise = np.random.default_rng(0).uniform(-1, 1, sides).astype(np.float32)
    for _ in range(2):
        start = time.perf_counter()
        outputs = session.run(None, {wanted.name: noise})
        spent = time.perf_counter() - start
    if not all(np.isfinite(output).all() for output in outputs):
        raise RmsetError(f"{model.name} gives numbers that are not finite", remedy=f"run: {_REINSTALL} onnxruntime")
    return spent * 1000


def installed_builds() -> set[str]:
    """Which builds of ONNX Runtime pip knows of."""
    return {name for name in ("onnxruntime", "onnxruntime-gpu") if _has_metadata(name)}


def _has_metadata(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def nvidia_cards() -> list[str]:
    """The GPUs that the driver lists, such as ``NVIDIA H200``."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.splitlines() if line.strip()]
