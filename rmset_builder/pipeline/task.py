"""What there is to do: a video to be extracted, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rmset_builder.fetching.catalog import Provenance


@dataclass(frozen=True)
class Task:
    """A video to be extracted."""

    video: str
    path: Path
    provenance: Provenance
