"""Files of this machine as a source, whatever they are called."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rmset_builder.fetching.catalog import read_rows
from rmset_builder.video.ids import video_id

Rmset = Callable[..., subprocess.CompletedProcess[str]]

MANIFEST = """source: folder
filters: {min_duration_s: 1, min_height: 100}
groups: [{name: Sadness, folders: [mine]}]
"""


def test_names_of_any_kind(
    small_video: Path, make_clip: Callable[..., Path], rmset: Rmset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine"
    mine.mkdir()
    other = make_clip(mine / "a.mkv", "-i", small_video, "-c", "copy")
    files = [mine / name for name in ("日本.mp4", "n\udcffne.mp4", "a.mp4")]
    for file in files:
        shutil.copyfile(small_video, file)
    (tmp_path / "m.yaml").write_text(MANIFEST)
    done = rmset("fetch", "m.yaml")
    assert done.returncode == 0, done.stderr
    rows = read_rows(tmp_path / "videos")
    assert {row.state for row in rows.values()} == {"fetched"}
    assert {video_id(file) for file in files[:2]} < rows.keys()
    assert len(rows) == len([*files, other])
    for row in rows.values():
        assert video_id(tmp_path / "videos" / row.file) == row.id, "extracted by the same id"
    assert rmset("fetch", "m.yaml").returncode == 0
    assert read_rows(tmp_path / "videos") == rows
