"""A trained network with all that belongs to its input: aligned faces in, probabilities out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch

from rmfer.errors import RmferError
from rmfer.labels import class_names
from rmfer.model.network import RmferNet
from rmfer.model.saved import ModelInfo
from rmfer.predict.results import Probabilities

Pixels = npt.NDArray[np.uint8]

BATCH = 64


class Recogniser:
    """Expressions of aligned faces.

    Args:
        net: on ``device``, in evaluation mode.
        info: what belongs to it.
        device: where the network is.
        grey: make faces grey first; None: where the model was trained on a benchmark of grey pictures (FERPlus,
            FER2013), which is where red, green and blue have the same mean and deviation.

    Example:
        >>> recogniser = Recogniser(*load_model(Path("runs/ferplus")), torch.device("cpu"))  # doctest: +SKIP
        >>> recogniser.names[recogniser.probabilities([face])[0].argmax()]  # doctest: +SKIP
        'happiness'
    """

    def __init__(self, net: RmferNet, info: ModelInfo, device: torch.device, *, grey: bool | None = None) -> None:
        self.info, self.device = info, device
        self.names = class_names(info.classes)
        self.grey = info.is_grey if grey is None else grey
        self._net = net.eval()
        self._mean, self._std = (255 * np.asarray(values, np.float32) for values in (info.mean, info.std))

    def probabilities(self, faces: Sequence[Pixels]) -> Probabilities:
        """(n, C) float32 of ``faces``, each (h, w, 3) uint8 RGB; what one is does not depend on the others.

        Raises:
            RmferError: the network gives no numbers.
        """
        found = [np.empty((0, len(self.names)), np.float32)]
        for start in range(0, len(faces), BATCH):
            images = np.stack([self._prepared(face) for face in faces[start : start + BATCH]])
            batch = torch.from_numpy(images).permute(0, 3, 1, 2).to(self.device)
            with torch.inference_mode():
                logits = self._net.logits(batch, head=self.info.evaluate_with).float()
            found.append(logits.softmax(1).cpu().numpy())
        joined: Probabilities = np.concatenate(found)
        if not np.isfinite(joined).all():
            raise RmferError("the model gives logits that are not numbers", remedy="it is damaged: train it anew")
        return joined

    def _prepared(self, face: Pixels) -> npt.NDArray[np.float32]:
        """(size, size, 3) float32, normalised, resized as in training."""
        size = self.info.size
        if face.shape[:2] != (size, size):
            method = cv2.INTER_AREA if face.shape[0] * face.shape[1] > size * size else cv2.INTER_LINEAR
            face = np.asarray(cv2.resize(face, (size, size), interpolation=method), np.uint8)
        if self.grey:
            face = np.asarray(cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
        normalised: npt.NDArray[np.float32] = (face - self._mean) / self._std
        return normalised
