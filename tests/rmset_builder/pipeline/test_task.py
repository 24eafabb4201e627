from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rmset_builder.core.errors import VideoError
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.pipeline.task import Task, read_headers
from rmset_builder.video.info import VideoInfo


@pytest.fixture
def video(small_video: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(small_video, tmp_path / "v.mp4"))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file whose header is read from now on."""
    paths: list[Path] = []
    real = VideoInfo.from_path

    def counted(path: Path) -> VideoInfo:
        paths.append(path)
        return real(path)

    monkeypatch.setattr(VideoInfo, "from_path", counted)
    return paths


def with_header(path: Path) -> Task:
    (task,) = read_headers([Task(path.stem, path, Provenance())])
    return task


def test_a_header_is_read_once_in_an_extraction(
    video: Path, reads: list[Path], rmset: Callable[..., Any], tmp_path: Path
) -> None:
    assert rmset("extract", video, "--out", tmp_path / "out", "--threads", 1).returncode == 0
    assert reads == [video]


def test_the_header_of_a_file_that_stays_is_kept(video: Path, reads: list[Path]) -> None:
    task = with_header(video)
    assert task.expected_frames == 25
    # As a worker in another process has it.
    assert pickle.loads(pickle.dumps(task)).current_header() == VideoInfo.from_path(video)
    assert reads == [video] * 2


@pytest.mark.parametrize("change", ["longer", "touched"])
def test_the_header_of_a_file_that_changed_is_read_anew(
    video: Path, reads: list[Path], make_clip: Callable[..., Path], change: str
) -> None:
    task = with_header(video)
    if change == "longer":
        make_clip(video, "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=4", "-c:v", "libx264")
    else:
        os.utime(video, ns=(1, 1))
    assert task.current_header().expected_frames == (40 if change == "longer" else 25)
    assert reads == [video] * 2


def test_a_file_that_went_is_told_when_its_turn_comes(video: Path) -> None:
    task = with_header(video)
    video.unlink()
    with pytest.raises(VideoError, match="does not exist"):
        task.current_header()


def test_what_is_no_video_is_told_when_its_turn_comes(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"no video")
    task = with_header(path)
    assert (task.header, task.expected_frames) == (None, None)
    with pytest.raises(VideoError, match="cannot be read as a video"):
        task.current_header()
