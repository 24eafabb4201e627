"""ONNX Runtime sessions on the device that was asked for, without a silent fall-back to another."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rmset_builder.core.errors import RmsetError
from rmset_builder.inference.ort import ERRORS_ONLY, ort

Runtime = Literal["onnxruntime", "openvino"]
ONNX_RUNTIME: Runtime = "onnxruntime"
OPENVINO: Runtime = "openvino"

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"
MEND_CUDA = "python -m pip install --force-reinstall --no-deps onnxruntime-gpu"


@dataclass(frozen=True)
class ServerAddress:
    """Where a process listens that runs models for others (`rmset_builder.inference.server`)."""

    name: str
    key: bytes


@dataclass(frozen=True)
class Device:
    """Where models run: ``Device()`` is the CPU, ``Device(gpu=0)`` the first NVIDIA GPU.

    ``threads`` is the number of CPU threads a session may use, ``runtime`` what runs models on a CPU. With a ``server``
    the models are run by that process, which has the device, and not by this one.
    """

    gpu: int | None = None
    threads: int = 1
    server: ServerAddress | None = None
    runtime: Runtime = ONNX_RUNTIME

    @property
    def name(self) -> str:
        """``cpu`` or ``cuda:N``."""
        return "cpu" if self.gpu is None else f"cuda:{self.gpu}"

    @property
    def is_onnx_cpu(self) -> bool:
        """Whether ONNX Runtime's convolutions for CPUs compute, for which graphs are put in another form."""
        return self.gpu is None and self.runtime == ONNX_RUNTIME


def open_session(model: bytes | str, device: Device, *, probe: bool = False) -> ort.InferenceSession:
    """Open a model on ``device``.

    Args:
        model: the serialised graph or the path of an ONNX file.
        device: where to run.
        probe: the caller only wants to know whether it works; changes nothing but the message.

    Raises:
        RmsetError: a GPU was asked for and the session does not really run on it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = device.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    # Threads that spin while they wait take the core away from decoding and JPEG encoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if device.gpu is None:
        return ort.InferenceSession(model, options, providers=[CPU_PROVIDER])
    require_cuda(device.gpu)
    preload_cuda()
    cuda = (
        CUDA_PROVIDER,
        {
            "device_id": str(device.gpu),
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",
        },
    )
    try:
        session = ort.InferenceSession(model, options, providers=[cuda, CPU_PROVIDER])
    except Exception as error:
        raise RmsetError(
            f"--gpu {device.gpu}: ONNX Runtime cannot use that GPU ({_first_line(error)})",
            remedy="see what `nvidia-smi -L` lists and what `rmset doctor` says",
        ) from error
    if session.get_providers()[0] != CUDA_PROVIDER:
        raise RmsetError(
            f"--gpu {device.gpu}: the session fell back to {session.get_providers()[0]}"
            + ("" if probe else ", so nothing was run"),
            remedy=f"CUDA's or cuDNN's libraries are missing or do not match; run: {MEND_CUDA} "
            f"&& python -m pip install {' '.join(cuda_packages())}",
        )
    return session


def cuda_is_there() -> bool:
    """Whether this ONNX Runtime was built with CUDA; whether CUDA runs, only a session tells."""
    return CUDA_PROVIDER in ort.get_available_providers()


def require_cuda(gpu: int) -> None:
    """Make sure that this ONNX Runtime was built with CUDA; whether CUDA runs, only a session tells.

    Raises:
        RmsetError: it was not.
    """
    if not cuda_is_there():
        raise RmsetError(
            f"--gpu {gpu}: this ONNX Runtime has no CUDA, only {', '.join(ort.get_available_providers())}",
            remedy=f"run: {MEND_CUDA}",
        )


def cuda_packages() -> list[str]:
    """The wheels with the libraries of the CUDA that this ONNX Runtime was built with (12, where it does not say)."""
    major = str(getattr(ort, "cuda_version", None) or "12").partition(".")[0]
    # From CUDA 13 on only cuDNN's wheel names the CUDA that it is for.
    suffix = "" if major.isdigit() and int(major) >= 13 else f"-cu{major}"
    parts = ("cuda-runtime", "cublas", "cufft", "curand", "cuda-nvrtc")
    return [f"nvidia-cudnn-cu{major}", *(f"nvidia-{part}{suffix}" for part in parts)]


def preload_cuda() -> None:
    """Let ONNX Runtime find CUDA's libraries in the wheels of torch or NVIDIA, which are on no library path."""
    preload = getattr(ort, "preload_dlls", None)
    if preload is not None:
        # It prints what it misses, and stdout belongs to results.
        with contextlib.redirect_stdout(sys.stderr):
            preload()


def input_name(session: ort.InferenceSession) -> str:
    """The name of a session's only input."""
    name: str = session.get_inputs()[0].name
    return name


def output_names(session: ort.InferenceSession) -> Sequence[str]:
    """The names of a session's outputs, in the graph's order."""
    return [output.name for output in session.get_outputs()]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
