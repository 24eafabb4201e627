from __future__ import annotations

from pathlib import Path

import pytest

from rmset_builder.core.errors import VideoError
from rmset_builder.video import folders
from rmset_builder.video.folders import list_videos


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(folder: Path, paths: list[Path]) -> list[str]:
    return [str(path.relative_to(folder)) for path in paths]


def test_folders_below_are_named_or_gone_through(tmp_path: Path) -> None:
    touch(tmp_path, "b.mp4", "a.mkv", "sub/c.mp4", "sub/deep/d.webm", "deep/er/e.mov", "notes/n.txt", ".hidden/h.mp4")
    found = list_videos(tmp_path, recursive=False)
    assert names(tmp_path, found.files) == ["a.mkv", "b.mp4"]
    assert names(tmp_path, found.left_out) == ["deep", "sub"]
    found = list_videos(tmp_path, recursive=True)
    assert names(tmp_path, found.files) == ["a.mkv", "b.mp4", "deep/er/e.mov", "sub/c.mp4", "sub/deep/d.webm"]
    assert (found.left_out, found.links) == ([], [])


def test_links_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    touch(tmp_path, "v/a.mp4", "v/sub/b.mp4", "elsewhere/c.mp4")
    (tmp_path / "v/sub/up").symlink_to(tmp_path / "v")
    (tmp_path / "v/self").symlink_to(tmp_path / "v/self")
    (tmp_path / "v/other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "v/l.mp4").symlink_to("l.mp4")
    found = list_videos(tmp_path / "v", recursive=True)
    assert names(tmp_path / "v", found.files) == ["a.mp4", "l.mp4", "sub/b.mp4"]
    assert names(tmp_path / "v", found.links) == ["other", "sub/up"]


def test_a_folder_whose_videos_lie_deeper(tmp_path: Path) -> None:
    touch(tmp_path, "sub/c.mp4", "notes/n.txt")
    with pytest.raises(VideoError) as caught:
        list_videos(tmp_path, recursive=False)
    assert caught.value.reason == "no-videos"
    assert caught.value.remedy == f"{tmp_path / 'sub'} holds videos, taken with --recursive"
    with pytest.raises(VideoError) as caught:
        list_videos(tmp_path / "notes", recursive=True)
    assert caught.value.remedy == "give a video file"


def test_not_everything_is_looked_through_to_tell_of_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_MOST_LOOKED_AT", 3)
    touch(tmp_path, "a.mp4", *(f"big/{n}/n.txt" for n in range(9)), "z/v.mp4")
    assert list_videos(tmp_path, recursive=False).left_out == []
