"""Several videos at a time, in processes of their own: the same shards, and no end that leaves anything behind."""

from __future__ import annotations

import dataclasses
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from waiting import PATIENCE_S, wait_for

import rmset_builder
from rmset_builder.core.errors import RmsetError
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.inference.server import model_server
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.engine import EngineSpec
from rmset_builder.pipeline.executors.base import run
from rmset_builder.pipeline.executors.local import LocalExecutor
from rmset_builder.pipeline.failures import WORKER_DIED
from rmset_builder.pipeline.model_pack import ModelPack, load_pack
from rmset_builder.pipeline.results import Outcome, Result
from rmset_builder.pipeline.shared_models import shared_models
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.videos_table import VideoRecord, read_videos

Finished = subprocess.CompletedProcess[str]

Rmset = Callable[..., Finished]

Start = Callable[..., subprocess.Popen[str]]

MakeClip = Callable[..., Path]

_needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a GPU that jobs could share")

# Of each run and of no account for what it found.
_OWN_OF_A_RUN = {"seconds_spent": 0.0, "source_mtime_ns": 0}


@pytest.fixture(scope="module")
def videos(small_video: Path, make_clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three different videos."""
    folder = tmp_path_factory.mktemp("videos")
    shutil.copyfile(small_video, folder / "a.mp4")
    for name, change in (("b", ["-vf", "hflip"]), ("c", ["-frames:v", 12])):
        make_clip(folder / f"{name}.mp4", "-i", small_video, *change, "-c:v", "libx264", "-threads", 1)
    return folder


@pytest.fixture(scope="module")
def one_by_one(videos: Path, rmset: Rmset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shards of `videos`, extracted one after the other."""
    out = tmp_path_factory.mktemp("one_by_one")
    assert rmset("extract", videos, "--out", out, "--jobs", 1, "--threads", 2).returncode == 0
    return out


@pytest.fixture
def start(start_rmset: Start) -> Start:
    """``start_rmset`` for the package that is tested, wherever it lies."""
    root = str(Path(rmset_builder.__file__).parents[1])
    return lambda *arguments, **options: start_rmset(*arguments, env={**os.environ, "PYTHONPATH": root}, **options)


def contents(out: Path) -> dict[str, bytes]:
    """Every file that two runs have in common, hidden ones too, but locks and what a worker in a hurry left at work."""
    found = (path for path in out.rglob("*") if path.is_file() and path.suffix != ".lock")
    names = {str(path.relative_to(out)): path for path in found if path.name != "videos.parquet"}
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".work/")}


def records(out: Path) -> dict[str, VideoRecord]:
    return {name: dataclasses.replace(record, **_OWN_OF_A_RUN) for name, record in read_videos(out).items()}


def at_work_on(out: Path, video: str) -> bool:
    return (out / ".work" / video / "faces.jpgs").exists()


def family(process: int) -> list[psutil.Process]:
    try:
        return psutil.Process(process).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def workers_of(process: int) -> list[psutil.Process]:
    found = []
    for child in family(process):
        try:
            if any("spawn_main" in word for word in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def holds(process: psutil.Process, video: str) -> bool:
    try:
        return any(Path(file.path).parent.name == video for file in process.open_files())
    except psutil.Error:
        return False


class Quiet:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def begin(self, task: Task) -> None:
        self.told.append(("begin", task.video))

    def advance(self, task: Task, frames: int, faces: int) -> None:
        assert frames > 0 and faces >= 0
        self.told.append(("advance", task.video))

    def note(self, text: str) -> None:
        self.told.append(("note", text))

    def end(self, result: Result) -> None:
        self.told.append(("end", result.video))


def tasks(folder: Path) -> list[Task]:
    return [Task(path.stem, path, Provenance()) for path in sorted(folder.glob("*.mp4"))]


def test_two_at_a_time_give_the_bytes_of_one_by_one(videos: Path, one_by_one: Path, tmp_path: Path) -> None:
    reporter = Quiet()
    results = list(run(LocalExecutor([EngineSpec(load_pack())] * 2), tasks(videos), tmp_path, reporter))
    assert {result.video: result.outcome for result in results} == dict.fromkeys("abc", Outcome.DONE)
    assert contents(tmp_path) == contents(one_by_one)
    assert records(tmp_path) == records(one_by_one)
    assert {result.video: result.record for result in results} == read_videos(tmp_path)
    for video in "abc":
        told = [what for what, of in reporter.told if of == video]
        assert (told[0], told[-1]) == ("begin", "end")
        assert set(told[1:-1]) == {"advance"}
    assert [what for what, _ in reporter.told[:2]] == ["begin", "begin"]
    assert not workers_of(os.getpid())


@_needs_linux
def test_jobs_whose_models_another_process_runs_give_the_same_bytes(
    videos: Path, one_by_one: Path, tmp_path: Path
) -> None:
    with model_server(Device()) as device:
        results = list(
            run(LocalExecutor([EngineSpec(load_pack(), device=device)] * 2), tasks(videos), tmp_path, Quiet())
        )
    assert {result.video: result.outcome for result in results} == dict.fromkeys("abc", Outcome.DONE)
    assert contents(tmp_path) == contents(one_by_one)
    assert not workers_of(os.getpid())


@_needs_linux
def test_jobs_whose_models_nobody_runs_any_more_end_the_run(videos: Path, tmp_path: Path) -> None:
    with model_server(Device()) as device:
        (server,) = workers_of(os.getpid())
        server.kill()
        with pytest.raises(RmsetError, match="the process that runs the models for all jobs has ended"):
            list(run(LocalExecutor([EngineSpec(load_pack(), device=device)] * 2), tasks(videos), tmp_path, Quiet()))
    assert not list(tmp_path.glob("*.parquet"))


@_needs_linux
def test_only_jobs_that_share_a_gpu_share_its_models() -> None:
    alone, cpu = EngineSpec(load_pack(), device=Device(1)), EngineSpec(load_pack())
    together = EngineSpec(load_pack(), device=Device(0))
    with shared_models([together, alone, together, cpu, cpu]) as specs:
        assert [spec.device.server is not None for spec in specs] == [True, False, True, False, False]
        assert specs[0].device == specs[2].device
        assert [replace(spec, device=replace(spec.device, server=None)) for spec in specs] == [
            *[together, alone, together, cpu, cpu]
        ]
    assert not workers_of(os.getpid())


def test_workers_that_are_killed_cost_a_video_each_and_the_next_run_makes_them_good(
    videos: Path, one_by_one: Path, rmset: Rmset, tmp_path: Path
) -> None:
    """The first while it loads, with its video unread; another in the middle of one."""
    out = tmp_path / "shards"

    def the_one_at(video: str) -> psutil.Process | None:
        return next((worker for worker in workers_of(os.getpid()) if holds(worker, video)), None)

    def kill() -> None:
        wait_for(lambda: workers_of(os.getpid()))
        workers_of(os.getpid())[0].kill()
        wait_for(lambda: the_one_at("b"))
        if (worker := the_one_at("b")) is not None:
            worker.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    done = rmset("extract", videos, "--out", out, "--jobs", 2, "--threads", 2)
    killer.join()
    assert done.returncode == 1
    assert f"{out}: 1 done, 2 failed\n" in done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["c"]
    for video in "ab":
        failed = read_videos(out)[video]
        assert (failed.state, failed.reason) == ("failed", WORKER_DIED)
        assert failed.message == (
            f"{videos / video}.mp4: the process at work on it ended with -9; memory may have run out: try fewer --jobs"
        )
        assert f"failed: {failed.message}\n" in done.stderr

    assert rmset("extract", videos, "--out", out, "--jobs", 1, "--threads", 2).returncode == 0
    assert contents(out) == contents(one_by_one)
    assert records(out) == records(one_by_one)


def test_workers_do_not_outlive_a_parent_that_is_killed(videos: Path, start: Start, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    with start("extract", videos, "--out", out, "--jobs", "2", "--threads", "2") as process:
        wait_for(lambda: at_work_on(out, "a") or at_work_on(out, "b"))
        everybody = family(process.pid)
        process.kill()
        process.communicate(timeout=60)
    assert len(workers_of(process.pid)) == 0
    assert len(everybody) >= 3, "two workers and an ffmpeg"
    assert not psutil.wait_procs(everybody, timeout=PATIENCE_S)[1]


@pytest.mark.parametrize(
    ("jobs", "moment", "sign"),
    [
        (1, "at work", signal.SIGINT),
        (2, "loading", signal.SIGINT),
        (2, "at work", signal.SIGINT),
        (2, "at work", signal.SIGTERM),
    ],
)
def test_an_interruption_is_one_message_and_leaves_nobody_and_nothing(
    demo_video: Path, start: Start, tmp_path: Path, jobs: int, moment: str, sign: signal.Signals
) -> None:
    """The signal goes to the whole process group, as Ctrl-C does."""
    out, folder = tmp_path / "shards", tmp_path / "videos"
    folder.mkdir()
    for name in "ab":
        shutil.copyfile(demo_video, folder / f"{name}.mp4")
    with start("extract", folder, "--out", out, "--jobs", str(jobs), "--threads", "2") as process:
        if moment == "loading":
            wait_for(lambda: len(workers_of(process.pid)) == jobs)
            time.sleep(0.3)  # well into its imports
        else:
            wait_for(lambda: at_work_on(out, "a") or at_work_on(out, "b"))
        everybody = family(process.pid)
        began = time.monotonic()
        os.killpg(process.pid, sign)
        said, told = process.communicate(timeout=60)
    assert time.monotonic() - began < PATIENCE_S
    assert process.returncode == 130
    assert said == ""
    assert [line for line in told.splitlines() if line and not line.startswith("note: ")] == [
        "rmset: interrupted; what is complete stays, the same command goes on from there"
    ]
    assert not psutil.wait_procs(everybody, timeout=PATIENCE_S)[1]
    assert contents(out) == {}
    assert read_videos(out) == {}


def missing_models(folder: Path) -> ModelPack:
    return dataclasses.replace(load_pack(), recogniser=folder / "gone.onnx")


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("fault", ["models", "gpu"])
def test_an_engine_that_cannot_be_opened_ends_the_run_before_anything_is_done(
    videos: Path, rmset: Rmset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, fault: str
) -> None:
    """What the command checks beforehand passed, and what it found is gone when workers look for it."""
    arguments: list[object] = ["extract", videos, "--out", tmp_path / "shards", "--jobs", jobs]
    if fault == "models":
        monkeypatch.setattr("rmset_builder.commands.extract.load_pack", lambda _: missing_models(tmp_path))
        words = f"rmset: {tmp_path / 'gone.onnx'} cannot be read as an ONNX model"
    else:
        monkeypatch.setattr("rmset_builder.commands.extract_places.require_cuda", lambda _: None)
        arguments += ["--gpu", "99"]
        words = "rmset: --gpu 99: "
    done = rmset(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    told = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(told) == 1
    assert told[0].startswith(words)
    assert "; " in told[0], "with a remedy"
    assert contents(tmp_path / "shards") == {}
    assert read_videos(tmp_path / "shards") == {}
    assert not workers_of(os.getpid())


def test_a_disk_that_fills_up_ends_the_run_of_several(videos: Path, start: Start, tmp_path: Path) -> None:
    """A limit on the size of files stands for it, below the size of any video's shard."""
    out = tmp_path / "shards"

    def narrow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    with start("extract", videos, "--out", out, "--jobs", "2", "--threads", "2", preexec_fn=narrow) as process:
        said, told = process.communicate(timeout=60)
    assert process.returncode == 1, told
    assert said == ""
    assert told.count("failed: ") == 1
    assert "cannot be written to (File too large); make room" in told
    assert f"{out}: 1 failed, 2 not begun\n" in told
    assert "Traceback" not in told
    assert contents(out) == {}
