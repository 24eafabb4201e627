"""Both models in 8-bit integers beside what they run in now: how fast, and how far what they say moves.

python benchmarks/int8.py [--rounds 6]

Convolutions are quantised by ONNX Runtime's own tool: static, weights by channel, activations calibrated on two
mashups. Frames and faces of two others are then looked at with ONNX Runtime and with OpenVINO, by turns, each on one
core. It needs the extra ``openvino``.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from common import decoded_frames, keep, shared

from rmset_builder.core.geometry import iou_matrix
from rmset_builder.detection.base import InputSize, scaled_into
from rmset_builder.detection.faces import Faces
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.faces.align import align_face, arcface_crop
from rmset_builder.identity.embedder import Embedder
from rmset_builder.inference.ort import ort
from rmset_builder.inference.session import OPENVINO, Device, Runtime
from rmset_builder.pipeline.model_pack import ModelPack, load_pack
from rmset_builder.video.decode import Frame
from rmset_builder.video.info import VideoInfo

# By way of `ort`, which has been told to report to nobody.
quantization = importlib.import_module(f"{ort.__name__}.quantization")

CALIBRATED_ON, LOOKED_AT = ("edit12", "wall9"), ("film11", "crowd19")
SIZE = InputSize(640, 384)
# The first opset in which a tensor can be quantised by channel.
OPSET = 13
BELIEVED, LOW = 0.5, 0.3
RUNTIMES: dict[str, Runtime] = {"onnxruntime": "onnxruntime", "openvino": OPENVINO}


class Calibration(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
    """Rows of the model's one input, one at a time."""

    def __init__(self, name: str, rows: Sequence[np.ndarray]) -> None:
        self._rows = iter([{name: row[None]} for row in rows])

    def get_next(self) -> Any:
        """A row; None after the last."""
        return next(self._rows, None)


def some_frames(video: str, step: int) -> list[Frame]:
    """Every ``step``-th frame of a mashup."""
    info = VideoInfo.from_path(shared() / "data" / "mashups" / f"{video}.mp4")
    return [frame.copy() for frame in itertools.islice(decoded_frames(info), 0, None, step)]


def some_faces(frames: Sequence[Frame], pack: ModelPack) -> list[np.ndarray]:
    """Crops (112, 112, 3) RGB of the believed faces in some frames."""
    detector = Scrfd(pack.detector, size=SIZE, batch=1, device=Device(), threshold=BELIEVED)
    return [
        np.ascontiguousarray(arcface_crop(align_face(frame, landmarks, side=260))[:, :, 2::-1])
        for frame in frames
        for landmarks in detector.detect([frame])[0].landmarks
    ]


def pictures(frames: Sequence[Frame]) -> list[np.ndarray]:
    """Frames as SCRFD's own input, (3, height, width) float32."""
    return [network_input(scaled_into(SIZE, [frame])[0][0], 1 / 128) for frame in frames]


def crops(faces: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Faces as ArcFace's own input, (3, 112, 112) float32."""
    return [network_input(face, 1 / 127.5) for face in faces]


def network_input(picture: np.ndarray, scale: float) -> np.ndarray:
    """An RGB picture as both networks take it."""
    return ((picture - np.float32(127.5)) * np.float32(scale)).transpose(2, 0, 1)


def quantised(model: Path, rows: Sequence[np.ndarray], folder: Path) -> Path:
    """The model with convolutions of 8-bit integers."""
    prepared, found = folder / f"{model.stem}.float.onnx", folder / f"{model.stem}.int8.onnx"
    graph = onnx.load(model)
    if graph.opset_import[0].version < OPSET:
        graph = onnx.version_converter.convert_version(graph, OPSET)
    onnx.save(graph, prepared)
    quantization.quant_pre_process(str(prepared), str(prepared), skip_symbolic_shape=True)
    quantization.quantize_static(
        str(prepared),
        str(found),
        Calibration(graph.graph.input[0].name, rows),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        op_types_to_quantize=["Conv"],
        weight_type=quantization.QuantType.QInt8,
        activation_type=quantization.QuantType.QUInt8,
    )
    return found


def milliseconds(runs: dict[str, Callable[[int], object]], count: int, rounds: int) -> dict[str, float]:
    """Of a run each, on the core of the thread that asks; the best of some rounds, by turns."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.thread_time()
            for number in range(count):
                run(number)
            found[name].append((time.thread_time() - began) / count * 1e3)
    return {name: round(min(times), 2) for name, times in found.items()}


def moved(ours: Sequence[Faces], theirs: Sequence[Faces]) -> dict[str, Any]:
    """What becomes of the believed faces of ``ours``."""
    overlaps: list[float] = []
    scores: list[float] = []
    faces = missed = 0
    for mine, other in zip(ours, theirs, strict=True):
        sure = mine[mine.scores >= BELIEVED]
        overlap = iou_matrix(sure.boxes, other.boxes)
        same = overlap.max(axis=1, initial=0) >= BELIEVED
        faces, missed = faces + len(sure), missed + int((~same).sum())
        overlaps += overlap.max(axis=1, initial=0)[same].tolist()
        scores += np.abs(other.scores[overlap.argmax(axis=1)] - sure.scores)[same].tolist()
    return {
        "faces": faces,
        "missed": missed,
        "iou_mean": round(float(np.mean(overlaps)), 4),
        "iou_1st_percentile": round(float(np.percentile(overlaps, 1)), 4),
        "score_moved_mean": round(float(np.mean(scores)), 4),
        "score_moved_99th_percentile": round(float(np.percentile(scores, 99)), 4),
    }


def turned(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """How far embeddings have turned."""
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    cosine = (ours * theirs).sum(axis=1) / norms
    return {
        "faces": len(cosine),
        "cosine_mean": round(float(cosine.mean()), 4),
        "cosine_1st_percentile": round(float(np.percentile(cosine, 1)), 4),
    }


def main() -> None:
    """Quantise, run by turns, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    rounds = parser.parse_args().rounds
    logging.disable(logging.WARNING)
    pack = load_pack()
    for_calibration = [frame for video in CALIBRATED_ON for frame in some_frames(video, 20)]
    frames = [frame for video in LOOKED_AT for frame in some_frames(video, 10)]
    known, faces = some_faces(for_calibration[::6], pack), some_faces(frames[::10], pack)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="rmset-int8-") as scratch:
        folder = Path(scratch)
        detectors = {"float": pack.detector, "int8": quantised(pack.detector, pictures(for_calibration), folder)}
        recognisers = {"float": pack.recogniser, "int8": quantised(pack.recogniser, crops(known), folder)}
        opened = {
            f"{runtime}, {kind}": Scrfd(model, size=SIZE, batch=1, device=Device(runtime=own), threshold=LOW)
            for runtime, own in RUNTIMES.items()
            for kind, model in detectors.items()
        }
        seen = {name: [one.detect([frame])[0] for frame in frames] for name, one in opened.items()}
        cost = milliseconds({n: lambda k, o=one: o.detect([frames[k]]) for n, one in opened.items()}, 20, rounds)
        usual = next(iter(seen.values()))
        results["detector"] = {name: {"ms": cost[name], **moved(usual, found)} for name, found in seen.items()}
        embedders = {
            f"{runtime}, {kind}": Embedder(model, batch=1, device=Device(runtime=own))
            for runtime, own in RUNTIMES.items()
            for kind, model in recognisers.items()
        }
        embedded = {name: np.concatenate([one.embed([f]) for f in faces]) for name, one in embedders.items()}
        cost = milliseconds({n: lambda k, o=one: o.embed([faces[k]]) for n, one in embedders.items()}, 20, rounds)
        usual = next(iter(embedded.values()))
        results["recogniser"] = {name: {"ms": cost[name], **turned(usual, own)} for name, own in embedded.items()}
    keep("int8", results, packages=("openvino",))


if __name__ == "__main__":
    main()
