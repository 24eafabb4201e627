"""What the tests of `rmset show` share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import av

Finished = subprocess.CompletedProcess[str]
Rmset = Callable[..., Finished]


def extracted(rmset: Rmset, video: Path) -> Path:
    """The folder of a video's shards, beside it."""
    folder = video.parent / "shards"
    done = rmset("extract", video, "--out", folder, "--threads", 1)
    assert done.returncode == 0, done.stderr
    return folder


def show(rmset: Rmset, *arguments: object) -> Finished:
    done = rmset("show", *arguments)
    assert done.returncode == 0, done.stderr
    return done


def times_of(path: Path) -> tuple[list[float], float]:
    """When each frame is shown, and how long the pictures last, seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.time for frame in container.decode(stream)], float(stream.duration * stream.time_base)
