"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Verified:
    """What was checked, and the ``faults`` that were found; ``notes`` are remarks and no faults."""

    files: int = 0
    videos: int = 0
    shards: int = 0
    faces: int = 0
    images: int = 0
    tombstones: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
