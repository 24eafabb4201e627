from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.inference import session
from rmset_builder.inference.session import (
    CPU_PROVIDER,
    CUDA_PROVIDER,
    MEND_CUDA,
    Device,
    input_name,
    open_session,
    output_names,
)
from rmset_builder.pipeline.model_pack import load_pack


def test_a_device_has_a_name() -> None:
    assert Device().name == "cpu"
    assert Device(gpu=0).name == "cuda:0"
    assert Device(gpu=3).name == "cuda:3"


@pytest.mark.parametrize("as_bytes", [True, False])
def test_a_model_runs_on_the_cpu_from_file_or_memory(as_bytes: bool) -> None:
    path = load_pack().recogniser
    session = open_session(path.read_bytes() if as_bytes else str(path), Device())
    assert session.get_providers() == [CPU_PROVIDER]
    picture = np.zeros((1, 3, 112, 112), np.float32)
    (found,) = session.run(None, {input_name(session): picture})
    assert found.shape == (1, 512)
    assert len(output_names(session)) == 1


def test_a_detectors_outputs_come_in_the_graphs_order() -> None:
    session = open_session(str(load_pack().detector), Device())
    assert output_names(session) == [output.name for output in session.get_outputs()]
    assert len(output_names(session)) == 9


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_those_that_were_allowed(threads: int) -> None:
    options = open_session(str(load_pack().recogniser), Device(threads=threads)).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)


def test_threads_do_not_change_what_is_found() -> None:
    path = str(load_pack().recogniser)
    picture = np.random.default_rng(0).normal(size=(1, 3, 112, 112)).astype(np.float32)
    one, two = (
        session.run(None, {input_name(session): picture})[0]
        for session in (open_session(path, Device(threads=count)) for count in (1, 2))
    )
    np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(CUDA_PROVIDER in ort.get_available_providers(), reason="this ONNX Runtime has CUDA")
def test_a_gpu_that_cannot_be_used_is_an_error_with_its_mend() -> None:
    with pytest.raises(RmsetError) as caught:
        open_session(str(load_pack().recogniser), Device(gpu=0))
    assert str(caught.value).startswith("--gpu 0: this ONNX Runtime has no CUDA, only ")
    assert CPU_PROVIDER in str(caught.value)
    assert caught.value.remedy == f"run: {MEND_CUDA}"
    assert MEND_CUDA == "python -m pip install --force-reinstall --no-deps onnxruntime-gpu"


@pytest.mark.gpu
@pytest.mark.skipif(CUDA_PROVIDER not in ort.get_available_providers(), reason="this ONNX Runtime has no CUDA")
def test_a_gpu_number_that_there_is_not_is_an_error() -> None:
    with pytest.raises(RmsetError, match="--gpu 99: "):
        open_session(str(load_pack().recogniser), Device(gpu=99))


@pytest.mark.parametrize(
    ("built_for", "cudnn", "cublas"),
    [
        ("13.0", "nvidia-cudnn-cu13", "nvidia-cublas"),
        ("12.8", "nvidia-cudnn-cu12", "nvidia-cublas-cu12"),
        (None, "nvidia-cudnn-cu12", "nvidia-cublas-cu12"),
    ],
)
def test_the_remedy_names_the_wheels_of_the_cuda_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, built_for: str | None, cudnn: str, cublas: str
) -> None:
    monkeypatch.setattr(session.ort, "cuda_version", built_for, raising=False)
    assert session.cuda_packages()[0] == cudnn
    assert cublas in session.cuda_packages()
