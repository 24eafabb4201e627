"""A batch for which memory does not suffice is halved, and what comes out is what would have come out."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx import numpy_helper as tensors
from trials import trial
from tripling_model import Rows

from rmset_builder.core.errors import RmsetError
from rmset_builder.inference.memory import ran_out
from rmset_builder.inference.runners import SharedBatchRunner
from rmset_builder.inference.session import Device, open_session

BATCH, WIDTH = 16, 4_000_000

# Room for 4 rows of 96 MB and not for 8; and not even for one.
ENOUGH_FOR_FOUR, ENOUGH_FOR_NONE = 560_000_000, 60_000_000

NARROW = """
import json, resource, sys
from pathlib import Path
from test_out_of_memory import answers
mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + int(sys.argv[1]),) * 2)
print(json.dumps(answers()))
"""


def wide(batch: int) -> bytes:
    """A model that gives three times its (batch, 3) input, by way of twice 48 MB a row."""
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [batch, 3])
    tripled = helper.make_tensor_value_info("tripled", TensorProto.FLOAT, None)
    nodes = [
        helper.make_node("Unsqueeze", ["rows", "last"], ["column"]),
        helper.make_node("Expand", ["column", "shape"], ["wide"]),
        helper.make_node("Mul", ["wide", "three"], ["product"]),
        helper.make_node("ReduceMax", ["product"], ["tripled"], axes=[2], keepdims=0),
    ]
    constants = [
        tensors.from_array(np.array([2], np.int64), "last"),
        tensors.from_array(np.array([batch, 3, WIDTH], np.int64), "shape"),
        tensors.from_array(np.float32(3), "three"),
    ]
    graph = helper.make_graph(nodes, "wide", [rows], [tripled], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def rows_of(count: int) -> Rows:
    return np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)


def answers() -> dict[str, object]:
    """What a runner gives for 16, 5 and 1 rows, and which batches it opened."""
    opened: list[int] = []

    def open_batch(batch: int) -> object:
        opened.append(batch)
        return open_session(wide(batch), Device())

    found: list[object] = []
    with closing(SharedBatchRunner(open_batch, BATCH, Device())) as runner:
        for count in (BATCH, 5, 1):
            try:
                found.append(runner.run(rows_of(count))[0].tolist())
            except Exception as error:
                found.append(ran_out(error))
    return {"opened": opened, "found": found}


def narrowed(memory: int) -> dict[str, object]:
    """`answers` in a process that may map so many bytes more."""
    root = Path(__file__).parents[2]
    places = [root, root / "tests", root / "tests" / "rmset_builder", Path(__file__).parent]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {list(map(str, places))!r}\n{NARROW}", str(memory)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="processes cannot be kept from memory here")
def test_a_batch_is_halved_until_memory_suffices() -> None:
    with trial("too little memory for a batch", "inference/runners.py"):
        found = narrowed(ENOUGH_FOR_FOUR)
        assert found["opened"] == [16, 8, 4, 1], "what is found out once is not tried again"
        assert found["found"] == [(rows_of(count) * np.float32(3)).tolist() for count in (BATCH, 5, 1)]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="processes cannot be kept from memory here")
def test_where_there_is_none_for_a_single_row_it_is_told_to_every_caller() -> None:
    found = narrowed(ENOUGH_FOR_NONE)
    assert found["found"] == [True, True, True]
    assert found["opened"][:5] == [16, 8, 4, 2, 1]  # type: ignore[index]


def test_how_libraries_tell_it() -> None:
    for words in (
        "[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 1536000000",
        "Available memory of 0 is smaller than requested bytes of 4096",
        "CUDA failure 2: out of memory ; GPU=0",
        "CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED",
        "std::bad_alloc",
    ):
        assert ran_out(RuntimeError(words))
    try:
        raise RmsetError("--gpu 0: ONNX Runtime cannot use that GPU") from RuntimeError("CUDA failure 2: out of memory")
    except RmsetError as error:
        assert ran_out(error)
    assert ran_out(MemoryError())
    assert not ran_out(RuntimeError("Got invalid dimensions for input"))
