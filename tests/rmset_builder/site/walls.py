"""Small shards with exact truth: plain pictures whose colours tell whose they are and when, at known places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from rmset_builder.shards.checked_parquet import write_checked
from rmset_builder.shards.layout import identities_path
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.videos_table import VideoRecord, update_videos
from rmset_builder.shards.writer import write_shards

FPS, WIDTH, HEIGHT, SIDE = 25.0, 640, 360, 60
Seen = Mapping[int, Sequence[int]]


def colour_of(identity: int, frame: int) -> tuple[int, int, int]:
    """Red and green tell who it is, blue tells when."""
    return 40 + 50 * (identity % 4), (40 + 50 * (identity // 4)) % 256, frame % 256


def jpeg_of(identity: int, frame: int, size: int = 64) -> bytes:
    """A face of one colour, but for the dot by which it is known whether it was blurred."""
    red, green, blue = colour_of(identity, frame)
    picture = np.full((size, size, 3), (blue, green, red), np.uint8)
    middle = slice(size // 2 - size // 8, size // 2 + size // 8)
    picture[middle, middle] = 255 - picture[0, 0]
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def write_means(folder: Path, video: str, faces: Mapping[int, int]) -> None:
    """The file of mean embeddings of identities that are unlike each other, with how many faces each has."""
    table = {
        "video": [video] * len(faces),
        "identity": pa.array(list(faces), pa.int32()),
        "faces": pa.array(list(faces.values()), pa.int64()),
        "embedding": pa.array(np.eye(64, dtype=np.float32)[list(faces)].tolist(), pa.list_(pa.float32(), 64)),
    }
    path = identities_path(folder, video)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_checked(pa.table(table), path)


def write_wall(folder: Path, video: str, seen: Seen, frames: int, **record: Any) -> VideoRecord:
    """A video in which each identity is in its tile in the frames given, a track for each run of frames."""
    faces, tracks = [], 0
    for identity, own in seen.items():
        for place, frame in enumerate(own):
            tracks += place == 0 or own[place - 1] != frame - 1
            faces.append((frame, identity, tracks - 1))
    rows = np.array(sorted(faces), np.int32).reshape(-1, 3)

    def block(start: int, stop: int) -> FaceRows:
        frame, identity, track = rows[start:stop].T
        corner = np.stack([20 + 80 * (identity % 7), 20 + 80 * (identity // 7)], 1).astype(np.float32)
        return FaceRows(
            frame=frame.copy(),
            identity=identity.copy(),
            track=track.copy(),
            time_s=frame / FPS,
            bbox=np.concatenate([corner, corner + SIDE], 1),
            landmarks=np.repeat(corner, 5, 1),
            det_score=np.full(len(frame), 0.8, np.float32),
            sharpness=np.full(len(frame), 150, np.float32),
            images=[jpeg_of(who, when) for when, who in zip(frame.tolist(), identity.tolist(), strict=True)],
        )

    told = ShardMetadata(video=video, group=record.get("group"), frames=frames, identities=len(seen))
    paths = write_shards(folder, video, len(rows), block, told)
    write_means(folder, video, {identity: len(own) for identity, own in seen.items()})
    facts: dict[str, Any] = {
        "title": f"Title of {video}", "group": "Anger", "fps": FPS, "width": WIDTH, "height": HEIGHT, "frames": frames,
        "duration_s": frames / FPS, "identities": len(seen), "tracks": tracks, "faces": len(rows), "shards": len(paths),
    }  # fmt: skip
    made = VideoRecord(id=video, **{**facts, **record})
    update_videos(folder, made)
    return made
