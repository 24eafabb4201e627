"""Which videos, files and names `rmset show` takes; what it refuses, and that an interruption leaves nothing."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from show_runs import Rmset, extracted, show, times_of

from rmset_builder.shards.videos_table import read_videos


def test_names_that_are_hostile(
    rmset: Rmset, small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a folder: 100%d"
    folder.mkdir()
    video = folder / "-i $(touch owned) 'q' \"%03d\" <b>\n;ü.mp4"
    shutil.copy(small_video, video)
    shards = extracted(rmset, video)
    (record,) = read_videos(shards).values()
    monkeypatch.chdir(tmp_path)
    done = show(rmset, "--shards", shards, "--", video)
    assert done.stdout == f"{record.id}-shown.mp4\n"
    assert len(times_of(tmp_path / f"{record.id}-shown.mp4")[0]) == 25
    show(rmset, record.id, "--shards", shards, "--out", folder / "x:%d\n'.mp4", "--end", 0.1)
    assert len(times_of(folder / "x:%d\n'.mp4")[0]) == 3
    refused = rmset("show", "--shards", shards, "--out", folder / "x:%d\n'.mp4", "--", video)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name, f"{record.id}-shown.mp4"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nobody"], "nobody is neither a video file nor the id of a video in {shards}; it has: uneven"),
        (["uneven", "--frame", "25"], "--frame 25: uneven has 25 frames; give one of 0 to 24"),
        (["uneven", "--identity", "6"], "--identity 6: uneven has no such person; its identities are 0 to 5"),
        (["uneven", "--start", "9"], "uneven has no frame between --start and --end; its frames are of 0.000 to 3.200"),
        (["uneven", "--start", "2", "--end", "1"], "uneven has no frame between --start and --end"),
        (["uneven", "--frame", "1", "--end", "1"], "--frame is one frame: it goes with neither --start nor --end"),
        (["uneven", "--out", "a.mkv"], "--out a.mkv: what is written is an MP4 file, name it a.mp4"),
        (["uneven", "--frame", "1", "--out", "a.jpg"], "--out a.jpg: what is written is a PNG file, name it a.png"),
        (
            ["uneven", "--out", "there.mp4"],
            "--out there.mp4 is there already; give another, or write over it with --force",
        ),
        (["uneven", "--out", "file/a.mp4"], "--out file/a.mp4 cannot be written to ("),
        (["uneven", "--shards", "none"], "no folder of shards at none; make one with: rmset extract VIDEO"),
        (["words.mp4"], "words.mp4 cannot be read as a video"),
    ],
)
def test_refusals_are_one_line_and_write_nothing(
    rmset: Rmset, uneven_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("there.mp4", "file", "words.mp4"):
        Path(name).write_text("mine")
    done = rmset("show", "--shards", uneven_shards, *arguments)
    assert done.returncode == 2
    assert told.format(shards=uneven_shards) in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("there.mp4", "file", "words.mp4"), "mine"
    )


def test_only_the_file_that_was_extracted_is_shown(
    rmset: Rmset, uneven: Path, uneven_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copied = shutil.copytree(uneven_shards, tmp_path / "shards")
    moved = shutil.copy(uneven, tmp_path / "another name.mp4")
    show(rmset, moved, "--shards", copied, "--frame", 0, "--out", "a.png")
    other = tmp_path / "uneven.mp4"
    other.write_bytes(uneven.read_bytes() + b"\0")
    done = rmset("show", other, "--shards", copied)
    assert done.returncode == 2
    assert f"{other} is not the file that was extracted as uneven: its bytes are others; give that file" in done.stderr
    done = rmset("show", moved, "--shards", copied, "--out", moved, "--force")
    assert f"--out {moved} is the video itself; give another file" in done.stderr
    next(copied.glob("uneven-00000.parquet")).unlink()
    done = rmset("show", moved, "--shards", copied, "--frame", 0)
    assert "of 1 shards of uneven 1 are missing" in done.stderr
    assert moved.read_bytes() == uneven.read_bytes()


def test_who_was_taken_down_is_not_published(rmset: Rmset, small_video: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    video = Path(shutil.copy(small_video, tmp_path / "videos"))
    shards = extracted(rmset, video)
    at = [shards, "--videos", tmp_path / "videos", "--video", "small", "--identity", 1]
    assert rmset("prune", *at, "--why", "asked", "--keep-file").returncode == 0
    done = rmset("show", video, "--shards", shards, "--frame", 0, "--blur-faces", "--out", tmp_path / "a.png")
    assert done.returncode == 2
    assert "--blur-faces: 1 of the people of small were taken down" in done.stderr
    assert not (tmp_path / "a.png").exists()
    done = rmset("show", video, "--shards", shards, "--frame", 0, "--identity", 5, "--out", tmp_path / "a.png")
    assert "its identities are 0 to 4" in done.stderr


def test_an_interruption_leaves_nothing(
    start_rmset: Callable[..., subprocess.Popen[str]], demo_video: Path, demo_shards: Path, tmp_path: Path
) -> None:
    with start_rmset("show", demo_video, "--shards", demo_shards, "--out", tmp_path / "a.mp4") as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".a.mp4.*.tmp")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []
