"""All faces of a video in the order and with the numbers of extraction, whatever was corrected since."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rmset_builder.core.errors import VideoError
from rmset_builder.shards.as_extracted import extracted_numbers
from rmset_builder.shards.damage import tell_damage
from rmset_builder.shards.layout import ShardFile, dropped_path, find_shards
from rmset_builder.shards.metadata import ShardMetadata, read_metadata
from rmset_builder.shards.reader import read_columns
from rmset_builder.shards.schema import Float32s, Float64s, Int32s
from rmset_builder.shards.videos_table import extract_again, read_videos

NOBODY = -1
"""Whose a face is that was left out, and the number of its track."""


@dataclass(frozen=True)
class VideoFaces:
    """The n faces of a video as they were extracted, sorted by (frame, identity, track).

    Attributes:
        frame, time_s: (n,) int32 and float64.
        identity, track: (n,) int32, the numbers of extraction.
        box: (n, 4) float32, pixels.
        place: (n,) which row of ``files``, one after another, a face is.
        identity_now, track_now: (n,) int32, the numbers that the files have; NOBODY for those that were left out.
        files: the shards, then the file of those that were left out, if there is one.
        metadata: of the first shard.
    """

    frame: Int32s
    time_s: Float64s
    identity: Int32s
    track: Int32s
    box: Float32s
    place: npt.NDArray[np.intp]
    identity_now: Int32s
    track_now: Int32s
    files: tuple[Path, ...]
    metadata: ShardMetadata

    def __len__(self) -> int:
        return len(self.frame)


def read_faces(shards: Path, video: str) -> VideoFaces | None:
    """The faces of a video; None where it has no shards.

    Raises:
        VideoError: a file of it is damaged.
        RmsetError: a footer cannot be read.
    """
    own = [shard for shard in find_shards(shards) if shard.video == video]
    if not own:
        return None
    metadata = read_metadata(own[0].path)[1]
    side = dropped_path(shards, video)
    # Of uncorrected shards nobody was left out: such a file is of an extraction before.
    left_out = [ShardFile(video, len(own), side)] if metadata.corrections is not None and side.exists() else []
    columns = [_columns(shards, shard, left_out=shard in left_out) for shard in [*own, *left_out]]
    frame, time_s, box, identity, track, identity_now, track_now = (
        np.concatenate(parts) for parts in zip(*columns, strict=True)
    )
    order = np.lexsort((track, identity, frame))
    return VideoFaces(
        frame=frame[order],
        time_s=time_s[order],
        identity=identity[order],
        track=track[order],
        box=box[order],
        place=order,
        identity_now=identity_now[order],
        track_now=track_now[order],
        files=tuple(shard.path for shard in [*own, *left_out]),
        metadata=metadata,
    )


def damaged(shards: Path, video: str, path: Path, error: Exception) -> VideoError:
    """What to raise where a file of a video cannot be read: nothing is written of what may be wrong."""
    return VideoError(
        "damaged",
        f"{path} is damaged (video {video}, {tell_damage(path, error)}), nothing was changed",
        remedy=extract_again(shards, read_videos(shards).get(video)),
    )


def _columns(shards: Path, shard: ShardFile, *, left_out: bool) -> tuple[npt.NDArray[np.generic], ...]:
    try:
        frame, time_s, box, identity, track = read_columns(shard.path, "frame", "time_s", "bbox", "identity", "track")
    except (pa.ArrowException, OSError) as error:
        raise damaged(shards, shard.video, shard.path, error) from error
    if left_out:
        nobody = np.full(len(frame), NOBODY, np.int32)
        return frame, time_s, box, identity, track, nobody, nobody
    return frame, time_s, box, *extracted_numbers(shard, identity, track), identity, track
