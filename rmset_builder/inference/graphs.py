"""A model pack's own ONNX graphs made to run fast: fixed shapes, and nodes in a form that suits ONNX Runtime."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from rmset_builder.core.errors import RmsetError

# From this version of ONNX's operators on Split takes its sizes from an input and not from an attribute.
_SPLIT_BY_INPUT = 13
# Channels that ONNX Runtime's convolutions for CPUs compute at a time (on some 8, which divides it).
_BLOCK = 16


def read_model(path: Path) -> onnx.ModelProto:
    """An ONNX file's model.

    Raises:
        RmsetError: it is none.
    """
    try:
        return onnx.load(path)
    except Exception as error:  # protobuf's own kinds among them
        raise RmsetError(
            f"{path} cannot be read as an ONNX model ({error})", remedy="fetch the model pack again"
        ) from error


def load_graph(path: Path, *, kind: str, outputs: Sequence[int]) -> onnx.ModelProto:
    """An ONNX file's model, without the shapes that were written into it for one picture.

    Args:
        path: the file.
        kind: what it should be, for the message.
        outputs: how many outputs such a model may have.

    Raises:
        RmsetError: it is no model, has more than one input, or another number of outputs.
    """
    model = read_model(path)
    graph = model.graph
    if len(graph_inputs(graph)) != 1 or len(graph.output) not in outputs:
        allowed = " or ".join(map(str, outputs))
        raise RmsetError(
            f"{path} is not {kind} ({len(graph.output)} outputs)", remedy=f"use one with {allowed} output(s)"
        )
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    del graph.value_info[:]
    return model


def network_input(model: onnx.ModelProto) -> Any:
    """The model's only input."""
    return graph_inputs(model.graph)[0]


def fix_shape(model: onnx.ModelProto, shape: Sequence[int]) -> None:
    """Fix the shape of the model's input."""
    for dimension, size in zip(network_input(model).type.tensor_type.shape.dim, shape, strict=True):
        dimension.dim_value = size


def batch_first(model: onnx.ModelProto) -> None:
    """Let outputs of several pictures follow picture by picture.

    Some of insightface's detectors put the batch behind rows and columns before they flatten all three, which is the
    same for one picture only.
    """
    for node in model.graph.node:
        for attribute in node.attribute if node.op_type == "Transpose" else ():
            if attribute.name == "perm" and list(attribute.ints) == [2, 3, 0, 1]:
                attribute.ints[:] = [0, 2, 3, 1]


def unroll_prelu(model: onnx.ModelProto) -> None:
    """Write every PRelu with a slope a < 1 for each channel as relu((1 - a) x) + a x.

    ONNX Runtime's blocked convolutions for CPUs know Relu, one-by-one convolutions of each channel and sums, but not
    PRelu: around each it would reorder the whole tensor twice. ArcFace's MobileFaceNet runs 1.6 times as fast for it.
    """
    graph = model.graph
    slopes = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = []
    for number, node in enumerate(graph.node):
        slope = slopes.get(node.input[1]) if node.op_type == "PRelu" else None
        # One slope may be shared by any number of channels, and one dimension would be the picture's columns.
        if slope is None or slope.size == 1 or slope.shape != (slope.size, 1, 1) or (slope >= 1).any():
            nodes.append(node)
            continue
        channels = slope.size
        slope = slope.reshape(channels, 1, 1, 1).astype(np.float32)
        prefix = f"rmset.prelu{number}"
        for part, weights in (("bend", 1 - slope), ("slope", slope)):
            graph.initializer.append(numpy_helper.from_array(weights, f"{prefix}.{part}.weight"))
            nodes.append(
                helper.make_node(
                    "Conv",
                    [node.input[0], f"{prefix}.{part}.weight"],
                    [f"{prefix}.{part}"],
                    group=channels,
                    kernel_shape=[1, 1],
                )
            )
        nodes.append(helper.make_node("Relu", [f"{prefix}.bend"], [f"{prefix}.relu"]))
        nodes.append(helper.make_node("Add", [f"{prefix}.relu", f"{prefix}.slope"], list(node.output)))
    del graph.node[:]
    graph.node.extend(nodes)


def widen_groups(model: onnx.ModelProto) -> None:
    """Let convolutions in groups of a few channels read whole blocks of channels, with zeros for those of other groups.

    ONNX Runtime's blocked convolutions for CPUs know single channels and groups of whole blocks. What lies between is
    computed group by group, and the tensor reordered before and after. ArcFace's MobileFaceNet has one such
    convolution, 64 groups of two channels: with eight times its products it takes half its time, the network 9 % less.
    """
    graph = model.graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for number, node in enumerate(graph.node):
        if node.op_type != "Conv" or node.input[1] not in weights:
            continue
        weight = weights[node.input[1]]
        groups = {attribute.name: attribute.i for attribute in node.attribute}.get("group", 1)
        outputs, inputs = len(weight) // groups, weight.shape[1]
        together = _BLOCK // inputs
        if inputs == 1 or together < 2 or inputs * together != _BLOCK or groups % together or outputs % inputs:
            continue
        narrow = weight.reshape(-1, together, outputs, *weight.shape[1:])
        wide = np.zeros((*narrow.shape[:3], together, *weight.shape[1:]), weight.dtype)
        for place in range(together):
            wide[:, place, :, place] = narrow[:, place]
        name = f"rmset.groups{number}"
        graph.initializer.append(numpy_helper.from_array(wide.reshape(len(weight), _BLOCK, *weight.shape[2:]), name))
        node.input[1] = name
        next(attribute for attribute in node.attribute if attribute.name == "group").i = groups // together


def merge_siblings(model: onnx.ModelProto) -> None:
    """Make one convolution of all that read the same tensor in the same way, and split its channels afterwards.

    SCRFD reads every feature map three times, for scores, boxes and landmarks. ONNX Runtime's convolutions for CPUs
    compute channels in blocks, of which two scores fill a quarter, and a block costs less than reading its input:
    detection takes an eighth less time for it, and its numbers are the same.
    """
    graph = model.graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    siblings: dict[Hashable, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        if (kinship := _kinship(node, weights)) is not None:
            siblings[kinship].append(node)
    replaced: dict[str, list[onnx.NodeProto]] = {}
    for number, members in enumerate(siblings.values()):
        if len(members) > 1:
            first, *others = (node.output[0] for node in members)
            replaced[first] = _merged(model, members, weights, prefix=f"rmset.siblings{number}")
            replaced |= {name: [] for name in others}
    nodes = [new for node in graph.node for new in replaced.get(node.output[0], [node])]
    del graph.node[:]
    graph.node.extend(nodes)


def _kinship(node: onnx.NodeProto, weights: dict[str, Any]) -> Hashable | None:
    """What convolutions that can be merged have in common; None where ``node`` is no such convolution."""
    if node.op_type != "Conv" or not all(name in weights for name in node.input[1:]):
        return None
    settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if settings.get("group", 1) != 1:
        return None
    return node.input[0], len(node.input), weights[node.input[1]].shape[1:], repr(sorted(settings.items()))


def _merged(
    model: onnx.ModelProto, members: Sequence[onnx.NodeProto], weights: dict[str, Any], *, prefix: str
) -> list[onnx.NodeProto]:
    """The nodes that take the place of some convolutions; their weights are added to the model."""
    inputs = [members[0].input[0]]
    for place in range(1, len(members[0].input)):
        joined = np.concatenate([weights[node.input[place]] for node in members])
        inputs.append(f"{prefix}.{place}")
        model.graph.initializer.append(numpy_helper.from_array(joined, inputs[-1]))
    convolution = helper.make_node("Conv", inputs, [f"{prefix}.all"])
    convolution.attribute.extend(members[0].attribute)
    channels = [len(weights[node.input[1]]) for node in members]
    outputs = [node.output[0] for node in members]
    if _opset(model) < _SPLIT_BY_INPUT:
        return [convolution, helper.make_node("Split", [f"{prefix}.all"], outputs, axis=1, split=channels)]
    model.graph.initializer.append(numpy_helper.from_array(np.array(channels, np.int64), f"{prefix}.channels"))
    return [convolution, helper.make_node("Split", [f"{prefix}.all", f"{prefix}.channels"], outputs, axis=1)]


def _opset(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators."""
    return int(next(opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")))


def graph_inputs(graph: Any) -> list[Any]:
    """The inputs of a graph that are not its weights: older files list both."""
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]
