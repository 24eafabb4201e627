"""``--engine ray``: who works where, what a node must be like, and what is told where there is no cluster."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console

from rmset_builder.core.errors import RmsetError
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.pipeline.executors.cluster.executor import RayExecutor
from rmset_builder.pipeline.executors.cluster.folder import own_folder
from rmset_builder.pipeline.executors.cluster.messages import Order, Place, Recipe, tasks_wherever, wherever
from rmset_builder.pipeline.executors.cluster.probe import probe_in
from rmset_builder.pipeline.executors.cluster.shares import Room, Shares, share_out
from rmset_builder.pipeline.executors.cluster.worker import Worker
from rmset_builder.pipeline.failures import IN_PROGRESS
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.pipeline.progress import ProgressReporter
from rmset_builder.pipeline.results import Outcome, Result
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.pipeline.task import Task, read_headers
from rmset_builder.shards.layout import lock_path
from rmset_builder.shards.videos_table import read_videos

Finished = subprocess.CompletedProcess[str]
Rmset = Callable[..., Finished]


@pytest.fixture
def order(small_video: Path, tmp_path: Path) -> Order:
    """One that this machine can do."""
    out = tmp_path / "shards"
    out.mkdir()
    recipe = Recipe("offline", load_pack().sha256, ExtractSettings())
    return Order(recipe, out, probe=out, sample=small_video, threads=1, gpu=False, nvdec=True, stall_s=60)


# ------------------------------------------------------------------------------------------------------------- shares


@pytest.mark.parametrize(
    ("nodes", "options", "workers", "threads"),
    [
        ([Room(2)], {}, 1, 2),
        ([Room(2)], {"jobs": 2}, 2, 1),
        ([Room(2)], {"jobs": 5}, 2, 1),
        ([Room(16)], {}, 4, 4),
        ([Room(16)], {"videos": 3}, 3, 5),
        ([Room(7), Room(5)], {}, 2, 5),
        ([Room(7), Room(5)], {"threads": 6}, 2, 3),
        ([Room(16), Room(16)], {"threads": 1}, 1, 1),
        ([Room(0), Room(3)], {}, 1, 3),
        ([Room(0)], {}, 0, 0),
        ([], {}, 0, 0),
        ([Room(16, 1), Room(16, 1)], {"gpu": True}, 2, 16),
        ([Room(64, 8), Room(64, 8)], {"gpu": True}, 16, 8),
        ([Room(64, 8), Room(64, 0)], {"gpu": True}, 8, 8),
        ([Room(4, 8)], {"gpu": True}, 4, 1),
        ([Room(64)], {"gpu": True}, 0, 0),
        ([Room(16, memory=3_000_000_000)], {}, 2, 8),
        ([Room(16, memory=3_000_000_000)], {"jobs": 8}, 8, 2),
        ([Room(16, memory=1)], {}, 1, 16),
    ],
)
def test_cores_and_gpus_are_shared_out(nodes: list[Room], options: dict[str, int], workers: int, threads: int) -> None:
    found = share_out(nodes, **{"gpu": False, "videos": 100, **options})  # type: ignore[arg-type]
    assert found == Shares(workers, threads, bool(options.get("gpu")))


# ------------------------------------------------------------------------------------------------- what a node is like


def test_a_worker_makes_what_a_local_run_makes(order: Order, small_video: Path, rmset: Rmset, tmp_path: Path) -> None:
    local = tmp_path / "local"
    assert rmset("extract", small_video, "--out", local, "--jobs", 1, "--threads", 1).returncode == 0
    worker = Worker(order)
    name = worker.open()
    assert isinstance(name, str) and socket.gethostname() in name
    (task,) = read_headers([Task(small_video.stem, small_video, Provenance())])
    result = worker.extract(task)
    assert isinstance(result, Result) and result.outcome is Outcome.DONE
    assert result.record is not None
    frames, faces = worker.progress()
    assert frames == result.record.frames and faces >= result.record.faces > 0
    for path in local.rglob("*-*.parquet"):
        assert (order.out / path.relative_to(local)).read_bytes() == path.read_bytes()
    assert read_videos(order.out).keys() == {small_video.stem}

    with FileLock(lock_path(order.out, small_video.stem)):
        refused = worker.extract(task)
    assert isinstance(refused, Result) and refused.fault is not None and refused.fault.reason == IN_PROGRESS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipe": {"seal": "0" * 16}}, "another version of rmset-builder is installed there"),
        ({"recipe": {"models_sha256": "0" * 64}}, "--models offline are other models there"),
        ({"sample": Path("/nowhere/v.mp4")}, "does not see the video /nowhere/v.mp4"),
        ({"probe": Path("/nowhere/probe")}, "does not see the folder --out "),
    ],
)
def test_a_node_that_would_make_other_shards_says_so(order: Order, change: dict[str, object], words: str) -> None:
    if isinstance(changed := change.get("recipe"), dict):
        change = {"recipe": dataclasses.replace(order.recipe, **changed)}
    told = Worker(dataclasses.replace(order, **change)).open()  # type: ignore[arg-type]
    assert isinstance(told, RmsetError)
    assert words in told.message and socket.gethostname() in told.message and told.remedy


def test_what_is_sent_to_other_folders_says_where_it_is(
    small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_video.parent)
    (task,) = tasks_wherever(read_headers([Task("v", Path(small_video.name), Provenance())]))
    monkeypatch.chdir(tmp_path)
    assert task.path == small_video and task.current_header() is task.header
    assert wherever(Path("s3:/bucket/shards")) == Path("s3:/bucket/shards")
    assert wherever(Path("shards")) == tmp_path / "shards"


# ----------------------------------------------------------------------------------------- what lies there for a while


def test_what_killed_drivers_left_is_removed_and_what_others_hold_is_not(tmp_path: Path) -> None:
    left = "from rmset_builder.pipeline.executors.cluster.{0} import {1}\nimport os, pathlib, sys\n"
    left += "with {1}({2}) as found:\n    print(found)\n    sys.stdout.flush()\n    os._exit(9)\n"
    for module, name, argument in (
        ("folder", "own_folder", ""),
        ("probe", "probe_in", f"pathlib.Path({str(tmp_path)!r})"),
    ):
        program = left.format(module, name, argument)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        abandoned = Path(done.stdout.strip())
        assert done.returncode == 9 and abandoned.exists(), done.stderr
        make = own_folder if name == "own_folder" else lambda: probe_in(tmp_path)
        with make() as mine:
            assert not abandoned.exists()
            with make() as other:
                assert mine is not None and other is not None and mine != other
                assert mine.exists() and other.exists()
            assert mine.exists() and not other.exists()
        assert not mine.exists()


def test_nobody_else_may_look_into_a_runs_folder() -> None:
    with own_folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0


# ------------------------------------------------------------------------------------------------------ what is told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--address", "127.0.0.1:6379"], "--address is of a Ray cluster: add --engine ray"),
        (["--engine", "dask"], "'dask' is none of local, ray, onnxruntime, openvino"),
        (
            ["--engine", "ray", "--address", "http://head"],
            "--address http://head is no address of a Ray cluster; give ",
        ),
        (["--engine", "ray", "--address", "head"], "--address head is no address of a Ray cluster; give HOST:PORT"),
        (["--engine", "ray", "--address", "127.0.0.1:1"], "--address 127.0.0.1:1: nobody answers there (Connection "),
        (["--engine", "ray", "--address", "127.0.0.1:999999"], "--address 127.0.0.1:999999: nobody answers there"),
    ],
)
def test_what_is_no_cluster_is_one_line(
    rmset: Rmset, small_video: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    done = rmset("extract", small_video, "--out", tmp_path / "shards", *options)
    assert (done.returncode, done.stdout) == (2, "")
    told = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(told) == 1 and words in told[0], done.stderr
    assert not list((tmp_path / "shards").glob("*.parquet"))


def test_without_ray_it_says_how_to_get_it(
    rmset: Rmset, small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = rmset("extract", small_video, "--out", tmp_path / "shards", "--engine", "ray")
    assert done.returncode == 2
    assert 'Ray is not installed; run: python -m pip install "rmset-builder[ray]"\n' in done.stderr


def test_somebody_who_speaks_no_ray_is_given_up(small_video: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        address = f"127.0.0.1:{stranger.getsockname()[1]}"
        executor = RayExecutor(Place(address, connect_s=2), Recipe("offline", load_pack().sha256, ExtractSettings()))
        tasks = read_headers([Task("v", small_video, Provenance())])
        with pytest.raises(RmsetError, match=f"Ray has not answered for 2 s at {address}"):
            list(executor.extract(tasks, tmp_path, ProgressReporter(tasks, Console(quiet=True))))
