"""What the tests of `rmset fetch` share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from rmset_builder.fetching.catalog import read_rows

Run = Callable[..., subprocess.CompletedProcess[str]]

Film = Callable[..., bytes]


def states(folder: Path) -> dict[str, tuple[str, str]]:
    return {video.id: (video.state, video.reason) for video in read_rows(folder).values()}
