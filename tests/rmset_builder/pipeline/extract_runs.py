"""What the tests of faults of `rmset extract` share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

Finished = subprocess.CompletedProcess[str]

Rmset = Callable[..., Finished]

MakeClip = Callable[..., Path]


def cut(source: Path, target: Path, share: float) -> None:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])


def files(out: Path) -> list[str]:
    """Every file but locks, hidden ones too."""
    found = (path for path in out.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(str(path.relative_to(out)) for path in found)
