"""Small real shards, written by the writer of `rmset_builder`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from rmset_builder import shards
from rmset_builder.shards import FaceRows, write_shards

Seen = tuple[int, int, int]  # frame, identity, track


def picture(number: int, size: int = 64) -> bytes:
    """A JPEG like no other: coarse noise from its number, and its number as a bar code in the middle."""
    noise = np.random.default_rng(number).integers(40, 216, (8, 8, 3), dtype=np.uint8)
    image = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    encoded: bytes = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    return encoded


def wall(frames: int, people: int, every: int = 1) -> list[Seen]:
    """Everyone in every frame."""
    return [(frame, person, person) for frame in range(0, frames, every) for person in range(people)]


@pytest.fixture
def make_shards(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Path]]:
    """``make_shards(folder, video, seen)`` writes a video's shards with a picture for each (frame, identity, track)."""

    def make(
        folder: Path, video: str, seen: Sequence[Seen], *, per_shard: int = 10_000, size: int = 64, first: int = 0
    ) -> list[Path]:
        monkeypatch.setattr(shards, "ROWS_PER_SHARD", per_shard)
        seen = sorted(seen)
        numbers = np.asarray(seen, np.int32).reshape(-1, 3)

        def block(start: int, stop: int) -> FaceRows:
            part = numbers[start:stop]
            count = len(part)
            return FaceRows(
                frame=part[:, 0].copy(),
                identity=part[:, 1].copy(),
                track=part[:, 2].copy(),
                time_s=part[:, 0] / 25,
                bbox=np.zeros((count, 4), np.float32),
                landmarks=np.zeros((count, 10), np.float32),
                det_score=np.ones(count, np.float32),
                sharpness=np.ones(count, np.float32),
                images=[picture(first + n, size) for n in range(start, start + count)],
            )

        return write_shards(folder, video, len(seen), block, {"rmset.video": video})

    return make
