"""kill -9 at any moment: no file that a reader could take for whole, and the next run ends as if nothing had been."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

import rmset_builder
from rmset_builder.cli import main
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.videos_table import DONE, TABLE_NAME, read_videos

Finished = subprocess.CompletedProcess[str]
Rmset = Callable[..., Finished]

KILLS = 10
# A folder is killed at more than once before it is made good: what one kill left behind meets the next.
KILLS_A_FOLDER = 2
VIDEOS = ("a", "b")


@pytest.fixture(scope="module")
def fork_server() -> ForkServerContext:
    """Starts processes in which the package is loaded already: moments are spread over work, not over imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rmset_builder.commands.extract", "sklearn.cluster"])
    return context


def contents(out: Path) -> dict[str, bytes]:
    """Every file but locks and the table, whose times are a run's own; what a kill left behind would show here."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.suffix != ".lock" and path.name != TABLE_NAME
    }


def assert_a_reader_finds_nothing_half_done(out: Path, expected: dict[str, bytes]) -> None:
    whole = {str(path.relative_to(out)): path for path in out.rglob("*.parquet") if path.name != TABLE_NAME}
    whole = {name: path for name, path in whole.items() if not path.name.startswith(".")}
    assert {name: path.read_bytes() for name, path in whole.items()} == {name: expected[name] for name in whole}
    for shard in find_shards(out) if out.is_dir() else []:
        rows, _ = read_metadata(shard.path)
        assert pq.read_table(shard.path).num_rows == rows > 0
    for record in read_videos(out).values():
        assert record.state == DONE
        assert f"{record.id}-00000.parquet" in whole
        assert {f"{side}/{record.id}.parquet" for side in ("embeddings", "identities")} <= whole.keys()


def test_ten_kills(
    small_video: Path, rmset: Rmset, fork_server: ForkServerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(rmset_builder.__file__).parents[1]))
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in VIDEOS:
        shutil.copyfile(small_video, folder / f"{name}.mp4")

    def start(out: Path) -> multiprocessing.process.BaseProcess:
        command = ["extract", str(folder), "--out", str(out), "--jobs", "1", "--threads", "2"]
        process = fork_server.Process(target=main, args=(command,), daemon=True)
        process.start()
        return process

    whole = tmp_path / "whole"
    for _ in range(2):  # the first starts the server too
        shutil.rmtree(whole, ignore_errors=True)
        began = time.monotonic()
        undisturbed = start(whole)
        undisturbed.join()
        duration = time.monotonic() - began
    assert undisturbed.exitcode == 0
    expected = contents(whole)
    kinds = ("{}-00000.parquet", "embeddings/{}.parquet", "identities/{}.parquet")
    assert sorted(expected) == [kind.format(video) for kind in kinds for video in VIDEOS]

    rng = random.Random(20240104)
    moments = [(number + rng.random()) / KILLS for number in range(KILLS)]
    rng.shuffle(moments)
    for number, moment in enumerate(moments):
        out = tmp_path / f"out{number // KILLS_A_FOLDER}"
        wait = moment * duration
        while True:
            process = start(out)
            process.join(wait)
            everybody = psutil.Process(process.pid).children(recursive=True) if process.is_alive() else []
            process.kill()
            process.join()
            if process.exitcode != 0:
                break
            # It was done before the moment came: an earlier one, and from the beginning.
            shutil.rmtree(out)
            wait *= 0.8
        assert_a_reader_finds_nothing_half_done(out, expected)
        assert not psutil.wait_procs(everybody, timeout=10)[1], "no ffmpeg outlives it"
        if number % KILLS_A_FOLDER == KILLS_A_FOLDER - 1:
            done = rmset("extract", folder, "--out", out, "--jobs", 1, "--threads", 2)
            assert done.returncode == 0, done.stderr
            assert contents(out) == expected, "the same bytes, and nothing else"
            assert {name: record.state for name, record in read_videos(out).items()} == dict.fromkeys(VIDEOS, DONE)


def test_what_a_kill_leaves_of_any_file_is_cleared_away(small_video: Path, rmset: Rmset, tmp_path: Path) -> None:
    left = [
        tmp_path / ".small-00000.parquet.123.tmp",
        tmp_path / "identities" / ".small.parquet.123.tmp",
        tmp_path / f".{TABLE_NAME}.123.tmp",
        tmp_path / ".work" / "small" / "faces.jpgs",
    ]
    others = tmp_path / ".smaller-00000.parquet.123.tmp"
    for path in (*left, others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    assert rmset("extract", small_video, "--out", tmp_path, "--threads", 2).returncode == 0
    assert not [path for path in left if path.exists()]
    assert others.exists(), "it may be another process's, at work now"


def test_what_a_kill_leaves_at_work_on_a_video_that_was_done_is_cleared_away(
    small_video: Path, rmset: Rmset, tmp_path: Path
) -> None:
    """The row is written, and then the folder is removed: a kill may come between."""
    assert rmset("extract", small_video, "--out", tmp_path, "--threads", 2).returncode == 0
    before = contents(tmp_path)
    for name in ("small", "another", "held", "small.corrected"):
        (tmp_path / ".work" / name).mkdir()
        (tmp_path / ".work" / name / "faces.jpgs").write_bytes(b"left")
    with FileLock(tmp_path / ".work" / "held.lock"):
        done = rmset("extract", small_video, "--out", tmp_path, "--threads", 2)
    assert (done.returncode, done.stdout.count("already done")) == (0, 1), done.stderr
    left = sorted(path.parent.name for path in (tmp_path / ".work").rglob("faces.jpgs"))
    assert left == ["held", "small.corrected"], "another process is at the one, a correction needs the other"
    assert {name: content for name, content in contents(tmp_path).items() if ".work" not in name} == before
