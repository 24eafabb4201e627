"""What the campaign disturbs: three short videos, and their shards as an undisturbed run leaves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from disturbed import run
from workshop import Workshop

# Short ones: what is tried is the way of a video, not its length.
FRAMES = 14


@pytest.fixture(scope="session")
def videos(small_video: Path, make_clip: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos, ``a``, ``b`` and ``c``, of six faces a frame."""
    folder = tmp_path_factory.mktemp("videos")
    for name, filters in (("a", "null"), ("b", "hflip"), ("c", "eq=brightness=0.1")):
        make_clip(
            folder / f"{name}.mp4", "-i", small_video, "-frames:v", FRAMES, "-vf", filters, "-c:v", "libx264",
            "-threads", 1,
        )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def undisturbed(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shards of `videos`; nobody may change them."""
    out = tmp_path_factory.mktemp("undisturbed")
    done = run("rmset", "extract", videos, "--out", out, "--jobs", 1, "--threads", 2)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def workshop(videos: Path, undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Prepares folders, and knows what undisturbed runs leave."""
    return Workshop(tmp_path_factory.mktemp("workshop"), videos, undisturbed)
