from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from small_graphs import KIND, Values, operators, results

from rmset_builder.core.errors import RmsetError
from rmset_builder.demo.compose import find_photo
from rmset_builder.inference.graphs import (
    fix_shape,
    load_graph,
    network_input,
    unroll_prelu,
    widen_groups,
)
from rmset_builder.pipeline.model_pack import load_pack


def with_prelu(slope: Values, *, channels: int, opset: int = 17) -> onnx.ModelProto:
    """A model of one PRelu on (1, channels, 4, 5)."""
    shape = [1, channels, 4, 5]
    graph = helper.make_graph(
        [helper.make_node("PRelu", ["x", "slope"], ["y"], name="bend")],
        "prelu",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(slope, "slope")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.floats(1e-6, 1e6))
def test_an_unrolled_prelu_gives_the_same_numbers(seed: int, channels: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    slope = rng.uniform(-2, 0.999, (channels, 1, 1)).astype(np.float32)
    values = (rng.normal(size=(1, channels, 4, 5)) * size).astype(np.float32)
    model = with_prelu(slope, channels=channels)
    (before,) = results(model, values)
    unroll_prelu(model)
    assert operators(model) == ["Conv", "Conv", "Relu", "Add"]
    # Above zero the two parts add up to x but for the rounding of 1 - a.
    np.testing.assert_allclose(results(model, values)[0], before, rtol=2e-6, atol=0)


def test_extreme_inputs_of_a_prelu() -> None:
    extremes = [0.0, -0.0, 1e-38, -1e-38, 1e30, -1e30, 3e37, -3e37, 1.0, -1.0]
    values = np.zeros((1, 2, 4, 5), np.float32)
    values.ravel()[: len(extremes)] = values.ravel()[20 : 20 + len(extremes)] = extremes
    model = with_prelu(np.array([[[0.25]], [[-0.9]]], np.float32), channels=2)
    (before,) = results(model, values)
    unroll_prelu(model)
    (after,) = results(model, values)
    np.testing.assert_allclose(after, before, rtol=2e-6, atol=0)
    assert np.isfinite(after).all()


@pytest.mark.parametrize(
    "slope",
    [
        np.array([[[0.2]], [[1.0]], [[0.3]]], np.float32),
        np.array([[[0.2]], [[1.5]], [[0.3]]], np.float32),
        np.array([0.25], np.float32),
        np.linspace(0.1, 0.5, 5, dtype=np.float32),
        np.array([[[0.25]]], np.float32),
        np.full((1, 4, 5), 0.25, np.float32),
        np.full((3, 4, 5), 0.25, np.float32),
    ],
    ids=[
        "one",
        "more than one",
        "shared",
        "of each column",
        "shared of three dimensions",
        "of each place",
        "of each element",
    ],
)
def test_other_prelus_are_left_alone(slope: Values) -> None:
    values = np.random.default_rng(0).normal(size=(1, 3, 4, 5)).astype(np.float32)
    model = with_prelu(slope, channels=3)
    before = model.SerializeToString()
    expected = results(model, values)
    unroll_prelu(model)
    assert model.SerializeToString() == before
    np.testing.assert_array_equal(results(model, values)[0], expected[0])


def test_a_slope_that_is_computed_is_left_alone() -> None:
    model = with_prelu(np.full((3, 1, 1), 0.25, np.float32), channels=3)
    model.graph.node.insert(0, helper.make_node("Identity", ["slope"], ["same"]))
    model.graph.node[1].input[1] = "same"
    unroll_prelu(model)
    assert operators(model) == ["Identity", "PRelu"]


def in_groups(groups: int, inputs: int, outputs: int, *, bias: bool = True, seed: int = 0) -> onnx.ModelProto:
    """A convolution of groups that each read and give so many channels of (2, groups * inputs, 6, 5)."""
    rng = np.random.default_rng(seed)
    shapes = [(groups * outputs, inputs, 3, 3), (groups * outputs,)]
    weights = [
        numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)
        for name, shape in zip(["w", "b"][: 1 + bias], shapes, strict=False)
    ]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"][: 2 + bias], ["y"], pads=[1] * 4, group=groups)],
        "groups",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, groups * inputs, 6, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def groups_of(model: onnx.ModelProto) -> int:
    (node,) = model.graph.node
    return next(attribute.i for attribute in node.attribute if attribute.name == "group")


@given(
    st.sampled_from([(2, 2), (2, 4), (4, 4), (8, 8), (8, 16)]),
    st.integers(1, 3),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_wider_groups_give_the_same_numbers(channels: tuple[int, int], blocks: int, bias: bool, seed: int) -> None:
    inputs, outputs = channels
    model = in_groups(blocks * 16 // inputs, inputs, outputs, bias=bias, seed=seed)
    values = np.random.default_rng(seed).normal(size=(2, blocks * 16, 6, 5)).astype(np.float32)
    (before,) = results(model, values)
    widen_groups(model)
    assert groups_of(model) == blocks
    np.testing.assert_allclose(results(model, values)[0], before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("groups", "inputs", "outputs"),
    [(32, 1, 1), (4, 16, 16), (4, 32, 32), (16, 3, 3), (6, 2, 2), (16, 2, 1)],
    ids=["of one channel", "of a block", "of several", "that fill no block", "too few for a block", "of half a block"],
)
def test_other_groups_are_left_alone(groups: int, inputs: int, outputs: int) -> None:
    model = in_groups(groups, inputs, outputs)
    before = model.SerializeToString()
    widen_groups(model)
    assert model.SerializeToString() == before


def test_weights_of_groups_that_are_computed_are_left_alone() -> None:
    model = in_groups(16, 2, 2)
    model.graph.node.insert(0, helper.make_node("Identity", ["w"], ["same"]))
    model.graph.node[1].input[1] = "same"
    before = model.SerializeToString()
    widen_groups(model)
    assert model.SerializeToString() == before


def test_arcface_in_another_form_gives_its_own_embeddings() -> None:
    model = load_graph(load_pack().recogniser, kind=KIND, outputs=[1])
    fix_shape(model, (2, 3, 112, 112))
    rng = np.random.default_rng(0)
    pictures = rng.uniform(-1, 1, (2, 3, 112, 112)).astype(np.float32)
    photo = cv2.resize(cv2.imread(str(find_photo()))[100:400, 100:400], (112, 112)).astype(np.float32)
    pictures[1] = (photo.transpose(2, 0, 1) - 127.5) / 127.5
    (before,) = results(model, pictures)
    count = operators(model).count("PRelu")
    assert count > 20
    unroll_prelu(model)
    assert "PRelu" not in operators(model)
    widen_groups(model)
    assert sum("rmset.groups" in name for node in model.graph.node for name in node.input) == 1
    (after,) = results(model, pictures)
    cosine = (before * after).sum(1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
    assert (1 - cosine < 1e-5).all()
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), np.linalg.norm(before, axis=1), rtol=1e-4)


def test_a_graph_is_loaded_without_the_shapes_of_one_picture() -> None:
    model = load_graph(load_pack().detector, kind=KIND, outputs=[9, 15])
    assert not model.graph.value_info
    assert not any(output.type.tensor_type.HasField("shape") for output in model.graph.output)
    assert network_input(model).name == onnx.load(load_pack().detector).graph.input[0].name


def test_the_shape_of_the_input_is_fixed() -> None:
    model = load_graph(load_pack().recogniser, kind=KIND, outputs=[1])
    fix_shape(model, (5, 3, 112, 112))
    (output,) = results(model, np.zeros((5, 3, 112, 112), np.float32))
    assert output.shape == (5, 512)
    with pytest.raises(Exception, match=r"invalid dimensions|INVALID_ARGUMENT"):
        results(model, np.zeros((4, 3, 112, 112), np.float32))
    with pytest.raises(ValueError, match=r"shorter|longer"):
        fix_shape(model, (5, 3, 112))


@pytest.mark.parametrize("content", [None, b"", b"no model", b"\x08\x07" * 50])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        RmsetError, match=r"model\.onnx (cannot be read as an ONNX model|is not a test's model)"
    ) as caught:
        load_graph(path, kind=KIND, outputs=[1])
    assert caught.value.remedy


def test_models_of_other_inputs_or_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RmsetError, match=r"is not a test's model \(9 outputs\); use one with 1 or 15 output"):
        load_graph(load_pack().detector, kind=KIND, outputs=[1, 15])
    two = helper.make_graph(
        [helper.make_node("Add", ["x", "z"], ["y"])],
        "two inputs",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xz"],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    onnx.save(helper.make_model(two), tmp_path / "two.onnx")
    with pytest.raises(RmsetError, match=r"two\.onnx is not a test's model"):
        load_graph(tmp_path / "two.onnx", kind=KIND, outputs=[1])


def test_weights_that_are_listed_as_inputs_are_no_inputs(tmp_path: Path) -> None:
    """As old exporters wrote them."""
    model = with_prelu(np.full((3, 1, 1), 0.25, np.float32), channels=3)
    model.graph.input.insert(0, helper.make_tensor_value_info("slope", TensorProto.FLOAT, [3, 1, 1]))
    onnx.save(model, tmp_path / "old.onnx")
    loaded = load_graph(tmp_path / "old.onnx", kind=KIND, outputs=[1])
    assert network_input(loaded).name == "x"
