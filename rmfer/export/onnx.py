"""A trained network as an ONNX file that any runtime can read, checked against torch before it gets its name."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from rmfer.errors import RmferError
from rmfer.labels import class_names
from rmfer.model.network import RmferNet
from rmfer.model.saved import ModelInfo
from rmset_builder.core.files import whole_file
from rmset_builder.core.machine import usable_cores
from rmset_builder.inference.ort import ort

INPUT, OUTPUT = "images", "logits"
OPSET = 18
# Of a logit, between torch and ONNX Runtime.
LARGEST_DIFFERENCE = 1e-4
# A network may multiply what float32 rounds off: then the difference may be so many times torch's own, to float64.
TIMES_ROUNDING = 3.0
# 1 is what exporters like to take for a constant; 5 is no batch that they have seen.
BATCHES = (1, 5)

_TRACED_AT = 2
_ERRORS_ONLY = 3


@dataclass(frozen=True)
class Exported:
    """What was written, and the largest absolute difference of a logit between torch and ONNX Runtime."""

    path: Path
    difference: float
    metadata: dict[str, str]


class _Logits(nn.Module):
    """A network reduced to the classifier that it is to be used with."""

    def __init__(self, net: RmferNet, head: str) -> None:
        super().__init__()
        self.net, self.head = net, head

    def forward(self, images: Tensor) -> Tensor:
        return self.net.logits(images, head=self.head)


def export_onnx(net: RmferNet, info: ModelInfo, path: Path) -> Exported:
    """Write ``net`` as one ONNX file, whole or not at all.

    Its input ``images`` is (batch, 3, size, size) float32, RGB in [0, 1], minus ``mean``, divided by ``std``; its
    output ``logits`` (batch, classes) float32. The batch may be of any size; classes, mean, std and size are in the
    metadata.

    Args:
        net: on the CPU; is in evaluation mode afterwards.
        info: what belongs to it.
        path: the file.

    Raises:
        RmferError: it cannot be exported or written, or ONNX Runtime's logits differ by more than 1e-4 and
            by more than what float32 rounds off.

    Example:
        >>> session = onnxruntime.InferenceSession("model.onnx")  # doctest: +SKIP
        >>> session.run(["logits"], {"images": images})[0].argmax(1)  # doctest: +SKIP
    """
    module = _Logits(net, info.evaluate_with).eval()
    metadata = onnx_metadata(info)
    try:
        with whole_file(path) as temporary:
            write_graph(module, info, temporary, metadata)
            difference, allowed = largest_difference(module, temporary, size=info.size)
            if not difference <= allowed:  # nan too
                raise RmferError(
                    f"{path} was not written: ONNX Runtime's logits differ from torch's by {difference:.2g}, "
                    f"more than {allowed:.2g}",
                    remedy="try another version of torch or onnxruntime",
                )
    except OSError as error:
        raise RmferError(f"{path} cannot be written ({error.strerror or error})", remedy="give another file") from error
    return Exported(path, difference, metadata)


def onnx_metadata(info: ModelInfo) -> dict[str, str]:
    """The metadata that a program needs to use the file: its input, output and classes; lists are JSON."""
    return {
        "classes": json.dumps(class_names(info.classes)),
        "mean": json.dumps(info.mean),
        "std": json.dumps(info.std),
        "size": str(info.size),
        "channels": "RGB",
        "backbone": info.backbone,
        "benchmark": info.benchmark,
        "preset": info.preset,
        "epoch": str(info.epoch + 1),
    }


def largest_difference(module: nn.Module, path: Path, *, size: int) -> tuple[float, float]:
    """The largest absolute difference between torch's and ONNX Runtime's logits, and how large it may be.

    Both look at random pictures, in `BATCHES`.
    """
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = usable_cores()
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    numbers = torch.Generator().manual_seed(0)
    difference = rounding = 0.0
    for batch in BATCHES:
        images = torch.randn(batch, 3, size, size, generator=numbers)
        with torch.inference_mode():
            wanted = module(images).numpy()
        found = session.run([OUTPUT], {INPUT: images.numpy()})[0]
        if found.shape != wanted.shape:
            return float("inf"), LARGEST_DIFFERENCE
        difference = float(np.maximum(difference, np.abs(found - wanted).max()))  # nan stays nan
        if difference > LARGEST_DIFFERENCE:
            with torch.inference_mode():
                exact = copy.deepcopy(module).double()(images.double()).numpy()
            rounding = max(rounding, float(np.abs(wanted - exact).max()))
    return difference, max(LARGEST_DIFFERENCE, TIMES_ROUNDING * rounding)


def write_graph(module: nn.Module, info: ModelInfo, path: Path, metadata: dict[str, str]) -> None:
    """Trace ``module`` and write its graph for any number of pictures, with ``metadata`` in the file."""
    images = torch.zeros(_TRACED_AT, 3, info.size, info.size)
    try:
        with _quiet():
            torch.onnx.export(
                module,
                (images,),
                path,
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
        model = onnx.load(path)
    except OSError:
        raise
    except Exception as error:  # the exporter lets through whatever its many parts raise
        raise RmferError(
            f"{info.backbone} cannot be exported ({type(error).__name__}: {str(error).strip().splitlines()[0]})",
            remedy="try another version of torch and onnxscript (the extra `train` says which were tested)",
        ) from error
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of its steps on stdout, and of its own deprecations."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
