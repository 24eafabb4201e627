"""The faces of single pictures, found and aligned as those of a video are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

import cv2
import numpy as np

from rmset_builder.core.geometry import Array
from rmset_builder.core.machine import usable_cores
from rmset_builder.detection.faces import Image
from rmset_builder.detection.multiscale import DetectorBank, ScaledDetector
from rmset_builder.faces.align import aligned_faces
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import DEFAULT_PACK, load_pack
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.tracking.tracker import drop_doubles


class AlignedFaces(NamedTuple):
    """The n faces of a picture from left to right.

    ``boxes`` (n, 4), ``landmarks`` (n, 10) pixels and ``scores`` (n,) float32; ``pictures`` the n aligned faces,
    (side, side, 3) uint8 RGB.
    """

    boxes: Array
    landmarks: Array
    scores: Array
    pictures: list[Image]


class PictureFaces:
    """Finds and aligns the faces of pictures; a context manager.

    Args:
        models: the pack: ``offline``, the name of one of insightface's, or a folder.
        gpu: the number of an NVIDIA GPU; None for the CPU.
        threads: CPU cores to use; None for all that there are.
        settings: as for a video.

    Raises:
        RmsetError: there is no such pack, or the GPU cannot be used.

    Example:
        >>> with PictureFaces() as faces:  # doctest: +SKIP
        ...     found = faces.find(picture)
    """

    def __init__(
        self,
        models: str = DEFAULT_PACK,
        *,
        gpu: int | None = None,
        threads: int | None = None,
        settings: ExtractSettings | None = None,
    ) -> None:
        self._settings = settings or ExtractSettings()
        threshold, detector = self._settings.det_threshold_low, load_pack(models).detector
        self._bank = DetectorBank(detector, batch=1, device=Device(gpu), threshold=threshold)
        self._pool = ThreadPoolExecutor(threads or usable_cores(), thread_name_prefix="detect")

    def find(self, picture: Image) -> AlignedFaces:
        """The faces of a picture (h, w, 3) uint8 RGB that the detector is sure of."""
        sure = self._settings.det_threshold
        height, width = picture.shape[:2]
        side = max(height, width)
        # Of pictures made square there are few sizes of input, for each of which a model is opened and kept.
        square = cv2.copyMakeBorder(picture, 0, side - height, 0, side - width, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        detector = ScaledDetector(self._bank, width=side, height=side, det_threshold=sure)
        _, faces = detector.probe(np.asarray(square, np.uint8), self._pool)
        found = drop_doubles(faces, det_threshold=sure)
        found = found[found.scores >= sure]
        found = found[np.argsort(found.boxes[:, 0], kind="stable")]
        aligned = list(aligned_faces(picture, found.landmarks, side=self._settings.image_size))
        return AlignedFaces(found.boxes, found.landmarks, found.scores, aligned)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._bank.close()
