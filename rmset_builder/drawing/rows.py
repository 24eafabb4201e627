"""The faces of a video's shards, frame by frame, without their pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rmset_builder.drawing.people import FrameFaces
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.reader import read_columns, telling

_COLUMNS = ("frame", "identity", "bbox", "landmarks")


def faces_by_frame(shards: Sequence[ShardFile]) -> Iterator[FrameFaces]:
    """The faces of each frame that has any, in order; memory holds the numbers of one shard.

    Args:
        shards: of one video, in order.

    Raises:
        RmsetError: a shard is damaged; it names video, rows and remedy.
    """
    held: list[npt.NDArray[Any]] = []
    for shard in shards:
        with telling(shard):
            columns = list(read_columns(shard.path, *_COLUMNS))
        # A frame may go on in the next shard.
        joined = [np.concatenate(pair) for pair in zip(held, columns, strict=True)] if held else columns
        frames = joined[0]
        last = int(np.searchsorted(frames, frames[-1])) if len(frames) else 0
        yield from _groups([column[:last] for column in joined])
        held = [column[last:] for column in joined]
    if held:
        yield from _groups(held)


def _groups(columns: Sequence[npt.NDArray[Any]]) -> Iterator[FrameFaces]:
    frames, identity, boxes, landmarks = columns
    numbers, starts = np.unique(frames, return_index=True)
    for number, start, stop in zip(numbers, starts, [*starts[1:], len(frames)], strict=True):
        yield FrameFaces(int(number), identity[start:stop], boxes[start:stop], landmarks[start:stop].reshape(-1, 5, 2))


def in_step(faces: Iterator[FrameFaces], frames: Iterable[int]) -> Iterator[FrameFaces]:
    """The faces of each of ``frames``, which go upwards; none of a frame that has none."""
    held = next(faces, None)
    for number in frames:
        while held is not None and held.frame < number:
            held = next(faces, None)
        yield held if held is not None and held.frame == number else FrameFaces.none(number)
