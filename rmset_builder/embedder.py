"""ArcFace embeddings of aligned faces, and which faces of a track are worth one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from rmset_builder.align import ARCFACE_SIDE
from rmset_builder.errors import RmsetError
from rmset_builder.geometry import Array
from rmset_builder.onnx_session import Device, input_name, open_session

Image = npt.NDArray[np.uint8]

_MEAN, _SCALE = 127.5, 1 / 127.5
_FRAMES_PER_STRETCH = 12


class Embedder:
    """ArcFace (or any recogniser of the same kind) in batches of one fixed size. Safe to call from several threads.

    Args:
        model: the recogniser's ONNX file: (n, 3, 112, 112) RGB in, (n, d) out.
        batch: faces per call; shorter batches are padded.
        device: where to run.
    """

    def __init__(self, model: Path, *, batch: int, device: Device) -> None:
        self.batch = batch
        self._session = open_session(_fixed_graph(model, batch), device)
        self._input = input_name(self._session)

    def embed(self, faces: Sequence[Image]) -> Array:
        """Embeddings (n, d) float32, not normalised, of n faces (112, 112, 3) uint8 RGB."""
        parts = []
        for start in range(0, len(faces), self.batch):
            chunk = faces[start : start + self.batch]
            canvas = np.zeros((self.batch, 3, ARCFACE_SIDE, ARCFACE_SIDE), np.float32)
            canvas[: len(chunk)] = ((np.stack(chunk) - np.float32(_MEAN)) * np.float32(_SCALE)).transpose(0, 3, 1, 2)
            parts.append(self._session.run(None, {self._input: canvas})[0][: len(chunk)])
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)


def faces_worth_embedding(worth: npt.NDArray[np.floating], *, most: int) -> npt.NDArray[np.intp]:
    """Which faces of one track stand for it: the best of each of some equal stretches of time.

    A track of a few frames needs fewer: they are all alike.

    Args:
        worth: (n,) of the track's faces in order of time; higher is better.
        most: number of stretches of a long track.

    Returns:
        Indices, ascending.
    """
    stretches = np.array_split(np.arange(len(worth)), min(most, 1 + len(worth) // _FRAMES_PER_STRETCH))
    return np.array([stretch[np.argmax(worth[stretch])] for stretch in stretches], np.intp)


def _fixed_graph(path: Path, batch: int) -> bytes:
    """The ONNX file's graph for exactly ``batch`` faces."""
    model = onnx.load(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise RmsetError(f"{path} is not a face recogniser with one input and one output")
    for dimension, size in zip(inputs[0].type.tensor_type.shape.dim, (batch, 3, 112, 112), strict=True):
        dimension.dim_value = size
    model.graph.output[0].type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())
