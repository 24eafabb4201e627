"""Convolutions that read the same are merged, and pictures of a batch follow each other, without other numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from small_graphs import KIND, operators, results

from rmset_builder.demo.compose import find_photo
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.faces import Faces
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.inference.graphs import (
    batch_first,
    load_graph,
    merge_siblings,
)
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack


@dataclass(frozen=True)
class Reader:
    """A convolution of a test's model: output channels, and in what it differs from its siblings."""

    channels: int
    source: str = "x"
    kernel: int = 3
    pad: int = 1
    bias: bool = True
    group: int = 1


def with_convolutions(*readers: Reader, opset: int = 17, seed: int = 0) -> onnx.ModelProto:
    """A model whose convolutions read (2, 4, 6, 5) tensors x or z, z being relu(x)."""
    rng = np.random.default_rng(seed)
    nodes, weights = [helper.make_node("Relu", ["x"], ["z"])], []
    for number, reader in enumerate(readers):
        shapes = [(reader.channels, 4 // reader.group, reader.kernel, reader.kernel), (reader.channels,)]
        names = [f"w{number}", f"b{number}"][: 1 + reader.bias]
        weights += [
            numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)
            for name, shape in zip(names, shapes, strict=False)
        ]
        pads = [reader.pad] * 4
        nodes.append(helper.make_node("Conv", [reader.source, *names], [f"y{number}"], pads=pads, group=reader.group))
    graph = helper.make_graph(
        nodes,
        "readers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4, 6, 5])],
        [helper.make_tensor_value_info(f"y{number}", TensorProto.FLOAT, None) for number in range(len(readers))],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize("opset", [11, 12, 13, 17])
@given(st.lists(st.integers(1, 21), min_size=2, max_size=4), st.booleans(), st.integers(0, 2**32 - 1))
def test_merged_convolutions_give_the_same_numbers(opset: int, channels: list[int], bias: bool, seed: int) -> None:
    model = with_convolutions(*(Reader(c, bias=bias) for c in channels), opset=opset, seed=seed)
    values = np.random.default_rng(seed).normal(size=(2, 4, 6, 5)).astype(np.float32)
    before = results(model, values)
    merge_siblings(model)
    assert operators(model) == ["Relu", "Conv", "Split"]
    for after, expected in zip(results(model, values), before, strict=True):
        np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        Reader(3, source="z"),
        Reader(3, kernel=1, pad=0),
        Reader(3, pad=0),
        Reader(3, bias=False),
        Reader(4, group=2),
    ],
    ids=["of another tensor", "of another kernel", "of another border", "without bias", "in groups"],
)
def test_convolutions_that_read_otherwise_are_left_alone(other: Reader) -> None:
    model = with_convolutions(Reader(5), other)
    before = model.SerializeToString()
    merge_siblings(model)
    assert model.SerializeToString() == before


def test_convolutions_in_groups_are_never_merged() -> None:
    model = with_convolutions(Reader(4, group=4), Reader(4, group=4))
    merge_siblings(model)
    assert operators(model).count("Conv") == 2


def test_a_weight_that_is_computed_is_left_alone() -> None:
    model = with_convolutions(Reader(5), Reader(3))
    model.graph.node.insert(0, helper.make_node("Identity", ["w0"], ["same"]))
    model.graph.node[2].input[1] = "same"
    merge_siblings(model)
    assert operators(model).count("Conv") == 2


def test_several_families_are_merged_each_by_itself() -> None:
    readers = [Reader(2), Reader(8, source="z"), Reader(20), Reader(3, source="z"), Reader(7, source="z", pad=0)]
    model = with_convolutions(*readers)
    values = np.random.default_rng(1).normal(size=(2, 4, 6, 5)).astype(np.float32)
    before = results(model, values)
    merge_siblings(model)
    assert operators(model) == ["Relu", "Conv", "Split", "Conv", "Split", "Conv"]
    for after, expected in zip(results(model, values), before, strict=True):
        np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-5)


def test_the_detector_reads_each_feature_map_once_and_finds_the_same() -> None:
    model = load_graph(load_pack().detector, kind=KIND, outputs=[9])
    photo = cv2.resize(cv2.imread(str(find_photo())), (640, 448)).astype(np.float32)
    values = (photo.transpose(2, 0, 1)[None, ::-1] - 127.5) / 128
    before, convolutions = results(model, values), operators(model).count("Conv")
    merge_siblings(model)
    assert convolutions - operators(model).count("Conv") == 6, "of nine, three strides' scores, boxes and landmarks"
    assert max(float(scores.max()) for scores in before[:3]) > 0.5
    for after, expected in zip(results(model, values), before, strict=True):
        np.testing.assert_allclose(after, expected, rtol=0, atol=1e-5)


def test_detectors_that_put_the_batch_last_find_the_same_in_batches(tmp_path: Path) -> None:
    """As insightface's larger detectors are: rows, columns, then the batch, which one picture cannot tell apart."""
    model = onnx.load(load_pack().detector)
    turned = 0
    for node in model.graph.node:
        for attribute in node.attribute if node.op_type == "Transpose" else ():
            assert list(attribute.ints) == [0, 2, 3, 1]
            attribute.ints[:] = [2, 3, 0, 1]
            turned += 1
    assert turned == 9, "scores, boxes and landmarks of three strides"
    batch_last = tmp_path / "det.onnx"
    onnx.save(model, batch_last)

    photo = cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB)
    photo = np.asarray(cv2.resize(photo, (640, 443), interpolation=cv2.INTER_AREA), np.uint8)
    half = photo.copy()
    half[:, :320] = 0
    pictures = [photo, half, np.ascontiguousarray(photo[:, ::-1]), np.zeros_like(photo), np.roll(photo, 64, axis=1)]

    def found(path: Path, batch: int) -> list[Faces]:
        detector = Scrfd(path, size=InputSize(640, 448), batch=batch, device=Device(), threshold=0.3)
        return [faces for start in range(0, 5, batch) for faces in detector.detect(pictures[start : start + batch])]

    single = found(load_pack().detector, 1)
    assert [len(faces) > 3 for faces in single] == [True, False, True, False, True]
    for batch in (1, 4):
        for one, other in zip(found(batch_last, batch), single, strict=True):
            assert len(one) == len(other)
            a, b = (faces[np.argsort(faces.boxes[:, 0])] for faces in (one, other))
            np.testing.assert_allclose(a.boxes, b.boxes, rtol=0, atol=0.01)
            np.testing.assert_allclose(a.landmarks, b.landmarks, rtol=0, atol=0.01)
            np.testing.assert_allclose(a.scores, b.scores, rtol=0, atol=1e-4)


def test_other_transposes_are_left_alone() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["x"], ["a"], perm=[0, 3, 1, 2]),
            helper.make_node("Transpose", ["a"], ["b"], perm=[2, 3, 0, 1]),
            helper.make_node("Transpose", ["b"], ["y"]),
        ],
        "turns",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 3, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph)
    batch_first(model)
    turns = [[list(attribute.ints) for attribute in node.attribute] for node in model.graph.node]
    assert turns == [[[0, 3, 1, 2]], [[0, 2, 3, 1]], []]
