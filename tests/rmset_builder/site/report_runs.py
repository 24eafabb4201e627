"""Shards of three made-up videos, and reports on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from html_read import Element, read_page
from walls import write_wall

from rmset_builder.shards.videos_table import FAILED, VideoRecord, update_videos

Rmset = Callable[..., CompletedProcess[str]]

WALL = {0: range(200), 1: [*range(50), *range(120, 200)], 2: range(60, 90), 9: [7]}


def three_videos(folder: Path) -> Path:
    """Shards of a wall, of a video without faces, and one that failed."""
    write_wall(folder, "wall", WALL, 210)
    write_wall(folder, "street", {}, 30, reason="no-faces", group="Fear, Surprise")
    update_videos(folder, VideoRecord(id="broken", state=FAILED, reason="no-video-stream", message="no picture in it"))
    return folder


def report(rmset: Rmset, shards: Path, *arguments: object, code: int = 0) -> Path:
    out = shards.parent / "report"
    done = rmset("report", shards, "--out", out, "--jobs", 1, *arguments)
    assert done.returncode == code, done.stderr
    return out


def page(out: Path, video: str) -> list[Element]:
    return read_page(out / "pages" / video / "index.html")
