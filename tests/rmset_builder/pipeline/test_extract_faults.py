"""What is wrong with a video or the machine is one line and an exit code; everything else is complete."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from extract_runs import MakeClip, Rmset, cut, files

from rmset_builder.shards.videos_table import TABLE_NAME, read_videos
from rmset_builder.video.ids import video_id

GOOD = ("a-good", "z-good")


@pytest.fixture(scope="module")
def fast_video(small_video: Path, make_clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small_video` with its header in front, as videos from the web have it."""
    path = tmp_path_factory.mktemp("fast") / "fast.mp4"
    return make_clip(path, "-i", small_video, "-c", "copy", "-movflags", "+faststart")


@pytest.fixture
def mixed(tmp_path: Path, small_video: Path, fast_video: Path, make_clip: MakeClip) -> Path:
    """A folder of bad videos, with a good one before and one after them."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in GOOD:
        shutil.copyfile(small_video, folder / f"{name}.mp4")
    for share in (0.02, 0.5, 0.99):
        cut(small_video, folder / f"cut-{share * 100:.0f}.mp4", share)
    for share in (0.01, 0.3, 0.6):
        cut(fast_video, folder / f"fast-{share * 100:.0f}.mp4", share)
    matroska = make_clip(tmp_path / "whole.mkv", "-i", small_video, "-c", "copy")
    for share in (0.5, 0.95):
        cut(matroska, folder / f"matroska-{share * 100:.0f}.mkv", share)
    (folder / "empty.mp4").touch()
    (folder / "folder.mp4").mkdir()
    (folder / "noise.webm").write_bytes(os.urandom(50_000))
    (folder / "text.mp4").write_text("Dear diary,\n" * 500)
    make_clip(folder / "sound.m4v", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", "-f", "mp4")
    return folder


REASONS = {
    "cut-2": {"not-a-video"},
    "cut-50": {"not-a-video"},
    "cut-99": {"not-a-video"},
    "fast-1": {"not-a-video", "no-frames", "cut-short"},
    "fast-30": {"no-frames", "cut-short"},
    "fast-60": {"cut-short"},
    "matroska-50": {"cut-short"},
    "matroska-95": {"cut-short"},
    "empty": {"empty-file"},
    "noise": {"not-a-video"},
    "text": {"not-a-video"},
    "sound": {"no-video-stream"},
}

LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import sklearn.cluster  # whose BLAS waits for ever where it is loaded without memory
from rmset_builder.pipeline import one_video
from rmset_builder.cli import main
whole = one_video.extract_video
def narrowed(*arguments, **options):
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + 200_000_000,) * 2)
    return whole(*arguments, **options)
one_video.extract_video = narrowed
main(sys.argv[1:])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="processes cannot be kept from memory here")
def test_a_video_for_which_memory_runs_out_fails_in_one_line(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    """And nothing is noted against it: elsewhere there may be memory."""
    video, out = tmp_path / "large.mp4", tmp_path / "shards"
    make_clip(video, "-f", "lavfi", "-i", "testsrc2=size=3840x2160:duration=0.2", "-c:v", "mpeg4", "-threads", 1)
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, "extract", video, "--out", out, "--threads", "1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    (failure,) = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert f"{video}: memory ran out (" in failure
    assert "; try fewer --jobs or --threads; `rmset doctor` says how much there is" in failure
    assert "Traceback" not in done.stderr
    assert not read_videos(out)


def test_bad_videos_among_good_ones(mixed: Path, rmset: Rmset, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    done = rmset("extract", mixed, "--out", out, "--threads", 1)

    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == list(GOOD)
    failures = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert sorted(line.split()[1].removeprefix(f"{mixed}/").partition(".")[0] for line in failures) == sorted(
        [*REASONS, "folder"]
    )
    assert all("; " in line for line in failures), "each with a remedy"
    assert "Traceback" not in done.stderr
    others = [line for line in done.stderr.splitlines() if line not in failures]
    assert others == [
        "note: insightface's model weights are for non-commercial research only",
        f"{out}: 2 done, {len(failures)} failed",
        "run the same command again to retry what failed; nothing of it was written",
    ]

    records = read_videos(out)
    for name, reasons in REASONS.items():
        record = records.pop(name)
        assert (record.state, record.faces, record.shards) == ("failed", 0, 0)
        assert record.reason in reasons, (name, record.reason)
        assert f"failed: {record.message}" in failures
        assert Path(record.source).parent == mixed
    assert {name: record.state for name, record in records.items()} == dict.fromkeys(GOOD, "done")
    shards = [f"{name}-00000.parquet" for name in GOOD]
    sides = [f"{side}/{name}.parquet" for side in ("embeddings", "identities") for name in GOOD]
    assert files(out) == sorted([*shards, *sides, TABLE_NAME])
    assert not [path for path in (out / ".work").iterdir() if path.is_dir()]


def test_what_failed_is_retried_and_what_was_mended_is_done(
    mixed: Path, small_video: Path, rmset: Rmset, tmp_path: Path
) -> None:
    for path in mixed.iterdir():
        if path.is_dir():
            path.rmdir()
        elif path.stem not in {"a-good", "cut-50", "text"}:
            path.unlink()
    command = ["extract", mixed, "--out", tmp_path / "shards", "--threads", 1, "--json"]

    def outcomes() -> dict[str, str]:
        lines = map(json.loads, rmset(*command).stdout.splitlines())
        return {line["video"]: line.get("reason") or line["outcome"] for line in lines}

    assert outcomes() == {"a-good": "done", "cut-50": "not-a-video", "text": "not-a-video"}
    shutil.copyfile(small_video, mixed / "cut-50.mp4")
    assert outcomes() == {"a-good": "already done", "cut-50": "done", "text": "not-a-video"}
    (mixed / "text.mp4").unlink()
    assert outcomes() == {"a-good": "already done", "cut-50": "already done"}


def test_whole_shards_outlive_a_file_that_went_bad(
    small_video: Path, fast_video: Path, rmset: Rmset, tmp_path: Path
) -> None:
    video, out = tmp_path / "v.mp4", tmp_path / "shards"
    shutil.copyfile(small_video, video)
    assert rmset("extract", video, "--out", out, "--threads", 1).returncode == 0
    before = {name: (out / name).read_bytes() for name in files(out)}
    for bad in (fast_video.read_bytes()[:40_000], b"", b"text"):
        video.write_bytes(bad)
        done = rmset("extract", video, "--out", out, "--threads", 1)
        assert done.returncode == 1
        assert done.stderr.count("failed: ") == 1
        assert {name: (out / name).read_bytes() for name in files(out)} == before
    assert read_videos(out)["v"].state == "done"


def test_paths_that_are_no_videos(small_video: Path, rmset: Rmset, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").touch()
    out = tmp_path / "shards"
    wrong = [tmp_path / "missing.mp4", tmp_path / "empty", tmp_path / "notes"]
    done = rmset("extract", wrong[0], small_video, *wrong[1:], "--out", out, "--threads", 1)
    assert done.returncode == 1
    assert done.stdout.startswith("small: 25 frames")
    failures = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert sorted(line.split()[1] for line in failures) == sorted(map(str, wrong))
    assert f"failed: {wrong[0]} does not exist; check the path" in failures
    assert "holds no video" in failures[0]
    assert list(read_videos(out)) == ["small"], "a path that was mistyped is no video that failed"


def test_names_that_hold_anything_at_all(small_video: Path, rmset: Rmset, tmp_path: Path) -> None:
    """No line break and no command to the terminal gets out; bytes that are no UTF-8 do not stop the others."""
    folder, out = tmp_path / "videos", tmp_path / "shards"
    folder.mkdir()
    for name in ("it's \"a\\b.mp4", "new\nline.mp4"):
        shutil.copyfile(small_video, folder / name)
    for name in ("bad\nline.mkv", "\x1b[31mred.mp4", "n\udcffne.mp4"):
        (folder / name).touch()
    done = rmset("extract", folder, "--out", out, "--threads", 1)
    assert done.returncode == 1
    ids = [video_id(folder / name) for name in ("it's \"a\\b.mp4", "new\nline.mp4")]
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ids
    told = [line.removeprefix(f"failed: {folder}/") for line in done.stderr.splitlines() if "failed: " in line]
    assert told == [
        f"{name} is empty (0 bytes); fetch it again"
        for name in ("\ufffd[31mred.mp4", "bad\ufffdline.mkv", "n\ufffdne.mp4")
    ]
    records = read_videos(out)
    assert records[video_id(folder / "n\udcffne.mp4")].source == f"{folder}/n\ufffdne.mp4"
    assert records[ids[1]].source == f"{folder}/new\nline.mp4"
    again = rmset("extract", folder, "--out", out, "--threads", 1)
    assert again.stdout.count("already done") == 2


def test_every_file_is_a_video_of_its_own_whatever_its_name(
    small_video: Path, make_clip: MakeClip, rmset: Rmset, tmp_path: Path
) -> None:
    folder, out = tmp_path / "videos", tmp_path / "shards"
    (folder / "below").mkdir(parents=True)
    files = [folder / "日本.mp4", folder / "한국.mp4", folder / "below" / "日本.mkv"]
    for file in files[:2]:
        shutil.copyfile(small_video, file)
    make_clip(files[2], "-i", small_video, "-c", "copy")
    command = ["extract", folder, "--out", out, "--threads", 1]
    done = rmset(*command)
    assert (done.returncode, done.stdout.count(": 25 frames")) == (0, 2)
    assert f"note: {folder / 'below'} holds videos and was left out; take them with --recursive\n" in done.stderr
    first = {record.source: video for video, record in read_videos(out).items()}
    assert len(first) == 2
    done = rmset(*command, "--recursive")
    assert (done.returncode, done.stdout.count("already done")) == (0, 2)
    second = {record.source: video for video, record in read_videos(out).items()}
    assert second.items() > first.items()
    assert sorted(second) == sorted(map(str, files))
    moved = folder.rename(tmp_path / "moved")
    done = rmset("extract", moved, "--out", out, "--threads", 1, "--recursive")
    assert (done.returncode, done.stdout.count("already done")) == (0, 3)


def test_a_file_of_the_year_2300(small_video: Path, rmset: Rmset, tmp_path: Path) -> None:
    video, out = tmp_path / "v.mp4", tmp_path / "shards"
    shutil.copyfile(small_video, video)
    os.utime(video, (10_413_792_000, 10_413_792_000))
    if video.stat().st_mtime != 10_413_792_000:
        pytest.skip("this disk holds no such time")
    for outcome in ("25 frames", "already done"):
        done = rmset("extract", video, "--out", out, "--threads", 1)
        assert (done.returncode, outcome in done.stdout) == (0, True)
