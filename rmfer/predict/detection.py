"""Faces of a picture, found and aligned as `rmset extract` does it: same detector, same scales, same alignment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import cv2
import numpy as np
import numpy.typing as npt
import torch

from rmfer.errors import RmferError
from rmset_builder.core.machine import usable_cores

if TYPE_CHECKING:
    from rmset_builder.inference.session import Device

Pixels = npt.NDArray[np.uint8]


class FoundFaces(NamedTuple):
    """The faces of a picture from left to right: boxes (n, 4) pixels, scores (n,), and n aligned faces, RGB."""

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    aligned: list[Pixels]


class PictureFaces:
    """Finds the faces of pictures; a context manager.

    Args:
        models: the pack: ``offline``, the name of one of insightface's, or a folder.
        device: a GPU is used for finding faces too where ONNX Runtime can.

    Raises:
        RmferError: rmset_builder is not installed, or there is no such pack.
    """

    def __init__(self, models: str, device: torch.device) -> None:
        require_rmset()
        from rmset_builder.detection.multiscale import DetectorBank  # noqa: PLC0415
        from rmset_builder.inference.model_pack import load_pack  # noqa: PLC0415
        from rmset_builder.pipeline.settings import ExtractSettings  # noqa: PLC0415

        self._settings = ExtractSettings()
        pack = load_pack(models)
        self._bank = DetectorBank(
            pack.detector, batch=1, device=onnx_device(device), threshold=self._settings.det_threshold_low
        )
        self._pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="detect")

    def find(self, picture: Pixels) -> FoundFaces:
        """The faces of a picture (h, w, 3) uint8 RGB that the detector is sure of."""
        from rmset_builder.detection.multiscale import ScaledDetector  # noqa: PLC0415
        from rmset_builder.faces.align import aligned_faces  # noqa: PLC0415
        from rmset_builder.tracking.tracker import drop_doubles  # noqa: PLC0415

        sure = self._settings.det_threshold
        height, width = picture.shape[:2]
        side = max(height, width)
        # Of pictures made square there are few sizes of input, for each of which a model is opened and kept.
        square = cv2.copyMakeBorder(picture, 0, side - height, 0, side - width, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        square = np.asarray(square, np.uint8)
        detector = ScaledDetector(self._bank, width=side, height=side, det_threshold=sure)
        _, faces = detector.probe(square, self._pool)
        found = drop_doubles(faces, det_threshold=sure)
        found = found[found.scores >= sure]
        found = found[np.argsort(found.boxes[:, 0], kind="stable")]
        aligned = list(aligned_faces(picture, found.landmarks, side=self._settings.image_size))
        return FoundFaces(found.boxes, found.scores, aligned)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._bank.close()


def require_rmset() -> None:
    """Make sure that faces can be found.

    Raises:
        RmferError: rmset_builder, or something it needs, is not installed.
    """
    try:
        import rmset_builder.pipeline.engine  # noqa: PLC0415
    except ImportError as error:
        raise RmferError(
            f"faces are found by rmset_builder, which cannot be imported ({error})",
            remedy="run: pip install rmset-builder; or, where pictures are aligned faces already, give --aligned",
        ) from error
    del rmset_builder


def onnx_device(device: torch.device) -> Device:
    """Where ONNX Runtime runs beside torch on ``device``: the same GPU where it was built for one, else the CPU."""
    from rmset_builder.inference.ort import ort  # noqa: PLC0415
    from rmset_builder.inference.session import CUDA_PROVIDER, Device  # noqa: PLC0415

    if device.type == "cuda" and CUDA_PROVIDER in ort.get_available_providers():
        return Device(device.index or 0)
    return Device(threads=1)
