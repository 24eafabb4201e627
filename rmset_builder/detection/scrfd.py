"""SCRFD in batches: many pictures of one size in, faces with five landmarks out.

The graph is made from the pack's own ONNX file: its batch and size are fixed, and the conversion from 8-bit RGB to
the network's input becomes part of it, so that a quarter of the bytes travels to a GPU.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rmset_builder.core.geometry import Array
from rmset_builder.detection.base import DetectorKind, InputSize, scaled_into
from rmset_builder.detection.faces import Faces, Image
from rmset_builder.inference.graphs import batch_first, graph_inputs, load_graph, merge_siblings, network_input
from rmset_builder.inference.open_runner import open_runner
from rmset_builder.inference.session import Device

_MEAN, _SCALE = 127.5, 1 / 128
# Number of outputs -> (strides, anchors per cell); outputs are scores, boxes, landmarks of each stride.
_LAYOUTS = {9: ((8, 16, 32), 2), 15: ((8, 16, 32, 64, 128), 1)}


class Scrfd:
    """SCRFD for pictures that are scaled into one fixed input.

    Safe to call from several threads at once.

    Args:
        model: SCRFD's ONNX file, of any pack of insightface's that gives landmarks.
        size: the input's size; pictures are scaled to fit and padded with black at the right and bottom.
        batch: pictures that the model takes at a time.
        device: where to run.
        threshold: faces below this score are left out.
    """

    def __init__(self, model: Path, *, size: InputSize, batch: int, device: Device, threshold: float) -> None:
        self.size = size
        self.threshold = threshold
        self._runner = open_runner(functools.partial(_fixed_graph, model, size), batch, device)
        self._strides, self._anchors = _LAYOUTS[len(_load(model).graph.output)]

    def detect(self, pictures: Sequence[Image]) -> list[Faces]:
        """The faces of each picture, (h, w, 4) uint8 BGRA or (h, w, 3) RGB; all of one call have the same shape."""
        if not pictures:
            return []
        canvas, scale = scaled_into(self.size, pictures)
        return decode_outputs(
            self._runner.run(canvas),
            size=self.size,
            strides=self._strides,
            anchors=self._anchors,
            threshold=self.threshold,
            scale=scale,
        )

    def surest(self, pictures: Sequence[Image]) -> Array:
        """The score of the surest face of each of n >= 1 pictures, (n,); the threshold where none reaches it."""
        canvas, _ = scaled_into(self.size, pictures)
        outputs = self._runner.run(canvas)
        highest = [scores.max(axis=(1, 2)) for scores in outputs[: len(self._strides)]]
        return np.asarray(np.max(highest, axis=0, initial=self.threshold), np.float32)

    def close(self) -> None:
        """Give back what the model holds."""
        self._runner.close()


def decode_outputs(
    outputs: Sequence[Array],
    *,
    size: InputSize,
    strides: Sequence[int],
    anchors: int,
    threshold: float,
    scale: float,
) -> list[Faces]:
    """Faces of each picture from SCRFD's raw outputs.

    Args:
        outputs: scores (b, n, 1), boxes (b, n, 4) and landmarks (b, n, 10) of each stride, in that order; distances
            from the anchor in units of the stride.
        size: the network's input.
        strides: of the feature maps.
        anchors: per cell.
        threshold: least score.
        scale: input pixels per source pixel.
    """
    count = len(strides)
    found = []
    for picture in range(len(outputs[0])):
        levels = []
        for level, stride in enumerate(strides):
            scores, distances, points = (outputs[level + k * count][picture] for k in range(3))
            hits = np.flatnonzero(scores[:, 0] >= threshold)
            if not len(hits):
                continue
            origin = _anchor_centres(size, stride, anchors)[hits]
            levels.append((origin, distances[hits] * stride, points[hits] * stride, scores[hits, 0]))
        found.append(_best(levels, scale))
    return found


def _best(levels: list[tuple[Array, Array, Array, Array]], scale: float) -> Faces:
    if not levels:
        return Faces.none()
    origin, offsets, points, scores = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    boxes = np.concatenate([origin - offsets[:, :2], origin + offsets[:, 2:]], axis=1)
    landmarks = (points.reshape(-1, 5, 2) + origin[:, None]).reshape(-1, 10)
    boxes, landmarks = (boxes / scale).astype(np.float32), (landmarks / scale).astype(np.float32)
    return Faces.best(boxes, landmarks, scores.astype(np.float32))


@functools.cache
def _anchor_centres(size: InputSize, stride: int, anchors: int) -> Array:
    """(cells * anchors, 2) x, y of the anchors of one stride, row by row."""
    y, x = np.mgrid[: size.height // stride, : size.width // stride]
    centres = (np.stack([x, y], -1).reshape(-1, 2) * stride).astype(np.float32)
    return np.repeat(centres, anchors, axis=0)


@functools.lru_cache(maxsize=2)
def _load(path: Path) -> onnx.ModelProto:
    """The ONNX file's model in a form for any batch; read once for all sizes of input, and not to be changed."""
    model = load_graph(path, kind="an SCRFD detector with landmarks", outputs=list(_LAYOUTS))
    batch_first(model)
    merge_siblings(model)
    return model


def _fixed_graph(path: Path, size: InputSize, batch: int) -> bytes:
    """The file's model with a (batch, height, width, 3) uint8 RGB input of fixed shape."""
    model = onnx.ModelProto()
    model.CopyFrom(_load(path))
    graph, replaced = model.graph, network_input(model)
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.float32(_MEAN), "rmset.mean"),
            numpy_helper.from_array(np.float32(_SCALE), "rmset.scale"),
        ]
    )
    nodes = [
        helper.make_node("Cast", ["rmset.frames"], ["rmset.float"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["rmset.float", "rmset.mean"], ["rmset.centred"]),
        helper.make_node("Mul", ["rmset.centred", "rmset.scale"], ["rmset.scaled"]),
        helper.make_node("Transpose", ["rmset.scaled"], [replaced.name], perm=[0, 3, 1, 2]),
        *graph.node,
    ]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.input.remove(replaced)
    graph.input.insert(
        0, helper.make_tensor_value_info("rmset.frames", TensorProto.UINT8, [batch, size.height, size.width, 3])
    )
    return bytes(model.SerializeToString())


def _fits(graph: onnx.GraphProto) -> bool:
    return len(graph.output) in _LAYOUTS and len(graph_inputs(graph)) == 1


KIND = DetectorKind("SCRFD with landmarks (9 or 15 outputs)", _fits, Scrfd)
