"""An extraction in an environment that is not fit: rights, full disks, other processes, wrong options."""

from __future__ import annotations

import errno
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from extract_runs import Finished, Rmset, cut, files
from filelock import FileLock

from rmset_builder.core.errors import RmsetError
from rmset_builder.pipeline.extract import extract_video
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.shards.videos_table import TABLE_NAME, VideoRecord, read_videos
from rmset_builder.video.ffmpeg import find_ffmpeg


def test_files_and_folders_without_rights(
    small_video: Path, rmset_process: Rmset, bound_by_rights: Callable[[], None], tmp_path: Path
) -> None:
    folder, out = tmp_path / "videos", tmp_path / "shards"
    locked = tmp_path / "locked"
    for place in (folder, locked):
        place.mkdir()
        shutil.copyfile(small_video, place / "good.mp4")
    shutil.copyfile(small_video, folder / "secret.mp4")
    (folder / "secret.mp4").chmod(0)
    locked.chmod(0)
    try:
        done = rmset_process("extract", folder, locked, locked / "good.mp4", "--out", out, preexec_fn=bound_by_rights)
    finally:
        locked.chmod(0o755)
    assert done.returncode == 1
    assert done.stdout.startswith("good: 25 frames")
    assert f"failed: {folder / 'secret.mp4'} may not be read; run: chmod u+r {folder / 'secret.mp4'}\n" in done.stderr
    assert f"failed: {locked} may not be listed; run: chmod u+rx {locked}\n" in done.stderr
    assert done.stderr.count("failed: ") == 3
    assert "Traceback" not in done.stderr
    records = read_videos(out)
    (beside,) = records.keys() - {"good", "secret"}
    assert beside.startswith("good--")
    assert (records["good"].state, records["secret"].state, records[beside].state) == ("done", "failed", "failed")
    assert read_videos(out)["secret"].reason == "no-rights"


def test_another_process_at_the_same_video(small_video: Path, rmset: Rmset, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    (out / ".work").mkdir(parents=True)
    with FileLock(out / ".work" / "small.lock"):
        done = rmset("extract", small_video, "--out", out, "--threads", 1)
    assert done.returncode == 1
    assert f"failed: small is being extracted into {out} by another process; wait for it\n" in done.stderr
    assert files(out) == []
    assert rmset("extract", small_video, "--out", out, "--threads", 1).returncode == 0


def test_a_disk_that_fills_up(small_video: Path, rmset_process: Rmset, tmp_path: Path) -> None:
    """A limit on the size of files stands for it: writing fails half-way as it does there."""
    out = tmp_path / "shards"
    other = shutil.copyfile(small_video, tmp_path / "other.mp4")

    def narrow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = rmset_process("extract", small_video, other, "--out", out, preexec_fn=narrow)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"failed: {small_video}: {out} cannot be written to (File too large); make room" in done.stderr
    assert f"{out}: 1 failed, 1 not begun\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert files(out) == []


def test_a_disk_too_full_to_note_a_failure(
    rmset: Rmset, small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, short = tmp_path / "shards", tmp_path / "short.mp4"
    cut(small_video, short, 0.5)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rmset_builder.pipeline.failures.update_videos", full)
    done = rmset("extract", short, small_video, "--out", out)
    assert done.returncode == 1
    assert f"failed: {short}: {out} cannot be written to (No space left on device); make room" in done.stderr
    assert f"{out}: 1 failed, 1 not begun\n" in done.stderr


@pytest.mark.parametrize("first_fails", [False, True])
def test_a_fault_of_the_environment_after_some_videos_are_done(
    rmset: Rmset, small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_fails: bool
) -> None:
    """Exit code 2 would say that nothing was done; where nothing was, it is right."""
    out, other = tmp_path / "shards", tmp_path / "other.mp4"
    shutil.copyfile(small_video, other)
    calls = []

    def until_it_breaks(*arguments: Any, **options: Any) -> VideoRecord:
        calls.append(arguments)
        if first_fails or len(calls) > 1:
            raise RmsetError("the models are gone", remedy="fetch them again")
        return extract_video(*arguments, **options)

    monkeypatch.setattr("rmset_builder.pipeline.one_video.extract_video", until_it_breaks)
    done = rmset("extract", small_video, other, "--out", out)
    if first_fails:
        assert done.returncode == 2
        assert done.stderr.endswith("rmset: the models are gone; fetch them again\n")
    else:
        assert done.returncode == 1
        assert "stopped: the models are gone; fetch them again\n" in done.stderr
        assert f"{out}: 1 done, 1 not begun\n" in done.stderr
    assert len(read_videos(out)) == len(calls) - 1


def test_a_run_that_was_killed_is_made_good_by_the_next(
    demo_video: Path, demo_shards: Path, start_rmset: Callable[..., subprocess.Popen[str]], rmset: Rmset, tmp_path: Path
) -> None:
    out = tmp_path / "shards"
    with start_rmset("extract", demo_video, "--out", out, "--threads", "1") as process:
        deadline = time.monotonic() + 60
        while not any(p.stat().st_size for p in out.glob(".work/*/*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not list(out.glob("*.parquet")), "nothing that a reader would take for a shard"
    assert not psutil.wait_procs(family, timeout=10)[1], "ffmpeg ends with the one who reads from it"
    assert rmset("extract", demo_video, "--out", out, "--threads", 1).returncode == 0
    name = "demo-00000.parquet"
    assert (out / name).read_bytes() == (demo_shards / name).read_bytes()
    assert files(out) == files(demo_shards)


def assert_nothing_was_done(done: Finished, out: Path, *told: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert all(words in done.stderr for words in told), done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1, done.stderr
    assert not out.is_dir() or files(out) == []


def test_an_ffmpeg_that_will_not_do(
    small_video: Path, rmset: Rmset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "shards"
    monkeypatch.setenv("RMSET_FFMPEG", "/bin/false")
    find_ffmpeg.cache_clear()
    try:
        done = rmset("extract", small_video, "--out", out)
    finally:
        find_ffmpeg.cache_clear()
    assert_nothing_was_done(done, out, "RMSET_FFMPEG=/bin/false does not run", "unset RMSET_FFMPEG")


def test_no_video_given_and_none_here(rmset: Rmset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert_nothing_was_done(rmset("extract"), tmp_path / "shards", "no video given and no folder videos/ here")


def test_an_output_folder_that_may_not_be_written_to(
    small_video: Path, rmset_process: Rmset, bound_by_rights: Callable[[], None], tmp_path: Path
) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    out = tmp_path / "locked" / "shards"
    done = rmset_process("extract", small_video, "--out", out, preexec_fn=bound_by_rights)
    assert_nothing_was_done(done, out, f"--out {out} cannot be written to (Permission denied)")


def test_models_that_will_not_do(small_video: Path, rmset: Rmset, tmp_path: Path) -> None:
    out, folder = tmp_path / "shards", tmp_path / "pack"
    folder.mkdir()
    (folder / "det.onnx").write_bytes(b"no model")
    (folder / "w600k.onnx").write_bytes(load_pack().recogniser.read_bytes()[:1000])
    for models in ("nowhere", tmp_path / "missing", folder):
        done = rmset("extract", small_video, "--out", out, "--models", models)
        assert_nothing_was_done(done, out, str(models))


def test_a_gpu_that_is_not_there(small_video: Path, rmset: Rmset, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this machine's ONNX Runtime has CUDA")
    out = tmp_path / "shards"
    done = rmset("extract", small_video, "--out", out, "--gpu", 0)
    mend = "pip install --force-reinstall --no-deps onnxruntime-gpu"
    assert_nothing_was_done(done, out, "--gpu 0: this ONNX Runtime has no CUDA", mend)


def test_an_output_that_is_no_folder_or_holds_a_broken_table(small_video: Path, rmset: Rmset, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = rmset("extract", small_video, "--out", tmp_path / "file")
    assert_nothing_was_done(done, tmp_path / "file", f"'{tmp_path / 'file'}' is a file")
    out = tmp_path / "shards"
    out.mkdir()
    (out / TABLE_NAME).write_bytes(b"PAR1 broken")
    done = rmset("extract", small_video, "--out", out)
    assert done.returncode == 2
    assert f"mv {out / TABLE_NAME} {out / TABLE_NAME}.broken" in done.stderr
    assert (out / TABLE_NAME).read_bytes() == b"PAR1 broken"
    shutil.move(out / TABLE_NAME, out / f"{TABLE_NAME}.broken")
    assert rmset("extract", small_video, "--out", out, "--threads", 1).returncode == 0
    assert pq.read_metadata(out / "small-00000.parquet").num_rows == 150
