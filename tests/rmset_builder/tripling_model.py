"""A model whose right answer is plain: it triples its rows."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper
from onnx import numpy_helper as tensors

from rmset_builder.inference.batches import Rows


def tripling(batch: int) -> bytes:
    """A model that gives three times its (batch, 3) input, and the same as one column: (batch * 3, 1)."""
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [batch, 3])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("tripled", "flat")]
    nodes = [
        helper.make_node("Mul", ["rows", "three"], ["tripled"]),
        helper.make_node("Reshape", ["tripled", "shape"], ["flat"]),
    ]
    constants = [
        tensors.from_array(np.float32(3), "three"),
        tensors.from_array(np.array([batch * 3, 1], np.int64), "shape"),
    ]
    graph = helper.make_graph(nodes, "tripling", [rows], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def rows_of(count: int, seed: int = 0) -> Rows:
    return np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)


def assert_tripled(found: list[Rows], rows: Rows) -> None:
    tripled, flat = found
    np.testing.assert_array_equal(tripled, rows * np.float32(3))
    np.testing.assert_array_equal(flat, (rows * np.float32(3)).reshape(len(rows), 3, 1))
