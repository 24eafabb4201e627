"""``--gpu``, ``--jobs`` and ``--threads``: who works where, and what is refused before anything is done."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort
import pytest

from rmset_builder.core.machine import Usable
from rmset_builder.inference.session import CUDA_PROVIDER, MEND_CUDA
from rmset_builder.pipeline.engine import EngineSpec
from rmset_builder.pipeline.executors.local import LocalExecutor
from rmset_builder.pipeline.jobs import JOB_BYTES
from rmset_builder.video.nvdec import NvDecoder

Finished = subprocess.CompletedProcess[str]
Rmset = Callable[..., Finished]
Specs = Callable[..., list[EngineSpec]]

PLACES = "rmset_builder.commands.extract_places"


@pytest.fixture
def specs(rmset: Rmset, small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Specs:
    """``specs(videos, *options)``: what a run of so many videos would open, on a machine with GPUs 0 to 7."""
    caught: list[EngineSpec] = []

    def catch(executor: LocalExecutor, *others: object) -> list[None]:
        caught.extend(executor.specs)
        return []

    monkeypatch.setattr("rmset_builder.commands.extract.run", catch)
    monkeypatch.setattr(f"{PLACES}.find_memory", lambda: Usable(99 * JOB_BYTES, 99 * JOB_BYTES, ""))
    monkeypatch.setattr(f"{PLACES}.require_cuda", lambda _: None)
    monkeypatch.setattr(f"{PLACES}.find_nvdec", lambda gpu: "no such library" if gpu == 7 else NvDecoder(gpu))

    def make(videos: int, *options: object) -> list[EngineSpec]:
        caught.clear()
        paths = [tmp_path / f"v{number}.mp4" for number in range(videos)]
        for path in paths:
            path.write_bytes(small_video.read_bytes())
        assert rmset("extract", *paths, "--out", tmp_path / "shards", *options).returncode == 0
        return list(caught)

    return make


@pytest.mark.parametrize(
    ("videos", "options", "gpus", "threads"),
    [
        (3, ["--threads", 8], [None, None], 4),
        (1, ["--threads", 8], [None], 8),
        (3, ["--threads", 2], [None], 2),
        (3, ["--threads", 2, "--jobs", 3], [None] * 3, 1),
        (9, ["--threads", 8, "--jobs", 3], [None] * 3, 2),
        (3, ["--threads", 2, "--gpu", "0"], [0], 2),
        (3, ["--threads", 2, "--gpu", "0,1"], [0, 1], 1),
        (3, ["--threads", 16, "--gpu", "0,1"], [0, 1, 0], 5),
        (9, ["--threads", 16, "--gpu", " 5 , 3 "], [5, 3, 5, 3], 4),
        (1, ["--threads", 16, "--gpu", "0,1"], [0], 16),
        (9, ["--threads", 16, "--gpu", "2,1", "--jobs", 3], [2, 1, 2], 5),
    ],
)
def test_gpus_take_turns_and_threads_are_shared_out(
    specs: Specs, videos: int, options: list[object], gpus: list[int | None], threads: int
) -> None:
    found = specs(videos, *options)
    assert [spec.device.gpu for spec in found] == gpus
    assert {spec.threads for spec in found} == {threads}
    assert [spec.nvdec for spec in found] == [None if gpu is None else NvDecoder(gpu) for gpu in gpus]


def test_jobs_are_as_many_as_memory_has_room_for(specs: Specs, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Usable(2 * JOB_BYTES, 99 * JOB_BYTES, "memory.max of cgroup /job")
    monkeypatch.setattr(f"{PLACES}.find_memory", lambda: memory)
    assert [spec.threads for spec in specs(4, "--threads", 16)] == [8, 8]
    assert len(specs(4, "--threads", 16, "--jobs", 3)) == 3, "who gives a number knows"


def test_a_gpu_without_a_decoder_is_told_and_used_all_the_same(specs: Specs) -> None:
    (first, second) = specs(2, "--threads", 2, "--gpu", "7,0")
    assert (first.device.gpu, first.nvdec) == (7, None)
    assert (second.device.gpu, second.nvdec) == (0, NvDecoder(0))


@pytest.mark.skipif(CUDA_PROVIDER in ort.get_available_providers(), reason="this ONNX Runtime has CUDA")
@pytest.mark.parametrize("gpus", ["1", "1,0"])
def test_a_wrong_set_up_is_told_with_the_command_that_mends_it(
    rmset: Rmset, small_video: Path, tmp_path: Path, gpus: str
) -> None:
    out = tmp_path / "shards"
    done = rmset("extract", small_video, "--out", out, "--gpu", gpus)
    assert done.returncode == 2
    assert done.stdout == ""
    assert (
        f"rmset: --gpu 1: this ONNX Runtime has no CUDA, only {', '.join(ort.get_available_providers())}; "
        in done.stderr
    )
    assert done.stderr.endswith(f"; run: {MEND_CUDA}\n")
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_fewer_jobs_than_gpus_are_refused(rmset: Rmset, small_video: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    done = rmset("extract", small_video, "--out", out, "--gpu", "0,1", "--jobs", 1)
    assert done.returncode == 2
    assert "--jobs 1 leaves some of 2 GPUs idle: each needs a job of its own; see: rmset extract --help" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize("gpus", ["", ",", "0,", "0 1", "0,0", "0,00", "cuda:0", "\u0663", "1.0", "+1"])
def test_what_is_no_list_of_gpus_is_refused(rmset: Rmset, small_video: Path, tmp_path: Path, gpus: str) -> None:
    out = tmp_path / "shards"
    done = rmset("extract", small_video, "--out", out, "--gpu", gpus)
    assert done.returncode == 2
    assert "is not a GPU's number or several, such as 0 or 0,1; see: rmset extract --help" in done.stderr
    assert not out.exists()
