"""ArcFace embeddings of aligned faces, and which faces of a track are embedded."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array
from rmset_builder.faces.align import ARCFACE_SIDE
from rmset_builder.inference.graphs import fix_shape, load_graph, unroll_prelu, widen_groups
from rmset_builder.inference.open_runner import open_runner
from rmset_builder.inference.runners import Runner
from rmset_builder.inference.session import Device

Image = npt.NDArray[np.uint8]

_MEAN, _SCALE = 127.5, 1 / 127.5
_FRAMES_PER_STRETCH = 12


class Embedder:
    """ArcFace (or any recogniser of the same kind) in batches of one fixed size. Safe to call from several threads.

    Args:
        model: the recogniser's ONNX file: (n, 3, 112, 112) RGB in, (n, d) out.
        batch: faces per call; shorter batches are padded.
        device: where to run.
        pool: opens the model meanwhile; None: it is open at once.

    Raises:
        RmsetError: the file is no recogniser, or a GPU was asked for and cannot be used; of a ``pool``'s work `wait`
            and `embed` tell.
    """

    def __init__(self, model: Path, *, batch: int, device: Device, pool: Executor | None = None) -> None:
        self.batch = batch
        opening = functools.partial(
            open_runner, functools.partial(_fixed_graph, model, device.is_onnx_cpu), batch, device
        )
        self._opened: Future[Runner] = Future()
        if pool is None:
            self._opened.set_result(opening())
        else:
            self._opened = pool.submit(opening)

    def wait(self) -> None:
        """Until the model is open.

        Raises:
            RmsetError: it cannot be.
        """
        self._opened.result()

    def embed(self, faces: Sequence[Image]) -> Array:
        """Embeddings (n, d) float32, not normalised, of n faces (112, 112, 3) uint8 RGB."""
        if not faces:
            return np.empty((0, 0), np.float32)
        rows = ((np.stack(faces) - np.float32(_MEAN)) * np.float32(_SCALE)).transpose(0, 3, 1, 2)
        return self._opened.result().run(rows)[0]

    def close(self) -> None:
        """Give back what the model holds."""
        # What has not begun is cancelled with its pool.
        if not self._opened.cancelled() and self._opened.exception() is None:
            self._opened.result().close()


def faces_worth_embedding(worth: npt.NDArray[np.floating], *, most: int) -> npt.NDArray[np.intp]:
    """The faces of one track that represent it: the best of each of some equal stretches of time.

    A track of a few frames needs fewer: they are all alike.

    Args:
        worth: (n,) of the track's faces in order of time; higher is better.
        most: number of stretches of a long track.

    Returns:
        Indices, ascending.
    """
    stretches = np.array_split(np.arange(len(worth)), min(most, 1 + len(worth) // _FRAMES_PER_STRETCH))
    return np.array([stretch[np.argmax(worth[stretch])] for stretch in stretches], np.intp)


def _fixed_graph(path: Path, for_cpu: bool, batch: int) -> bytes:
    """The ONNX file's graph for exactly ``batch`` faces."""
    model = load_graph(path, kind="a face recogniser with one input and one output", outputs=[1])
    fix_shape(model, (batch, 3, ARCFACE_SIDE, ARCFACE_SIDE))
    if for_cpu:
        unroll_prelu(model)
        widen_groups(model)
    return bytes(model.SerializeToString())
