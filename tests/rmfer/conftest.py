"""Small real shards, written by the writer of `rmset_builder`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from small_shards import Seen, picture

from rmset_builder.shards import writer
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.writer import write_shards


@pytest.fixture
def make_shards(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Path]]:
    """``make_shards(folder, video, seen)`` writes a video's shards with a picture for each (frame, identity, track)."""

    def make(
        folder: Path, video: str, seen: Sequence[Seen], *, per_shard: int = 10_000, size: int = 64, first: int = 0
    ) -> list[Path]:
        monkeypatch.setattr(writer, "ROWS_PER_SHARD", per_shard)
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

        return write_shards(folder, video, len(seen), block, ShardMetadata(video=video))

    return make
