"""What all videos of a process share: the models, the settings, and the threads that do the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace

import cv2
from threadpoolctl import threadpool_limits

from rmset_builder.core.priority_pool import Urgency, Workers
from rmset_builder.detection.multiscale import DetectorBank
from rmset_builder.identity.embedder import Embedder
from rmset_builder.inference.session import OPENVINO, Device
from rmset_builder.pipeline.model_pack import ModelPack
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.video.nvdec import NvDecoder
from rmset_builder.video.stalls import PATIENCE_S

# A GPU wants many at a time; one core is as fast with one.
_GPU_BATCH = 16
# Threads that wait for a GPU use no core, so that there may be more of them.
_GPU_THREADS_PER_CORE = 3


@dataclass(frozen=True)
class EngineSpec:
    """What an engine is made of; can be sent to another process.

    ``threads`` is the number of CPU cores it may use, ``nvdec`` the GPU's decoder where there is one, ``patience_s``
    for how many seconds a video's decoder may give nothing.
    """

    pack: ModelPack
    settings: ExtractSettings = field(default_factory=ExtractSettings)
    device: Device = field(default_factory=Device)
    threads: int = 1
    nvdec: NvDecoder | None = None
    patience_s: float = PATIENCE_S


@dataclass(frozen=True)
class Engine:
    """Open models and running threads."""

    spec: EngineSpec
    detectors: DetectorBank
    embedder: Embedder
    workers: Workers


@contextmanager
def open_engine(spec: EngineSpec) -> Iterator[Engine]:
    """Start the threads, and have them open the models; after an interruption what has not begun never begins.

    Raises:
        RmsetError: a GPU was asked for and cannot be used.
    """
    batch = 1 if spec.device.gpu is None else _GPU_BATCH
    # ONNX Runtime computes in the thread that asks, OpenVINO in threads of its own.
    device = replace(spec.device, threads=spec.threads) if spec.device.runtime == OPENVINO else spec.device
    count = spec.threads * (1 if spec.device.gpu is None else _GPU_THREADS_PER_CORE)
    # OpenCV's and BLAS's own threads would only compete with these.
    cv2.setNumThreads(1)
    with threadpool_limits(1), ExitStack() as models, closing(Workers(count)) as workers:
        ahead = workers.at(Urgency.AHEAD)
        # Of a GPU that cannot be used the user hears before anything is begun.
        pool = ahead if device.gpu is None else None
        embedder = models.enter_context(closing(Embedder(spec.pack.recogniser, batch=batch, device=device, pool=pool)))
        detectors = models.enter_context(
            closing(
                DetectorBank(spec.pack.detector, batch=batch, device=device, threshold=spec.settings.det_threshold_low)
            )
        )
        yield Engine(spec, detectors, embedder, workers)
