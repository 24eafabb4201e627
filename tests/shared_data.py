"""Where the real videos lie that some tests need, and why they cannot be had."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "RMSET_SHARED"


def shared_folder() -> Path:
    """The folder of real videos: ``$RMSET_SHARED`` or ``../shared`` beside the project, or ``data`` in that."""
    folder = Path(os.environ.get(VARIABLE) or Path(__file__).resolve().parents[2] / "shared")
    return folder / "data" if (folder / "data").is_dir() else folder


def why_not(names: tuple[str, ...] = ()) -> str:
    """Why tests that need the files or folders ``names`` of it cannot run; empty where they can."""
    folder = shared_folder()
    source = f"${VARIABLE} is" if os.environ.get(VARIABLE) else f"without ${VARIABLE} it is"
    if not folder.is_dir():
        return (
            f"no folder of real videos: {source} {folder}, which {'is no folder' if folder.exists() else 'is absent'}"
        )
    absent = [name for name in names if not (folder / name).exists()]
    return f"the folder of real videos has no {', '.join(absent)}: {source} {folder}" if absent else ""
