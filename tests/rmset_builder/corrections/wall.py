"""A wall of reactors that is extracted in no time: people in tiles, some of whom leave and come back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rmset_builder.identity.appearance import in_order_of_appearance
from rmset_builder.identity.means import EmbeddedFaces, mean_embeddings
from rmset_builder.shards.face_embeddings import write_face_embeddings, write_identities
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.videos_table import VideoRecord, update_videos
from rmset_builder.shards.writer import write_shards

FPS, WIDTH, HEIGHT = 25.0, 640, 360
# Person, tile, first frame, last frame: one appearance each. Persons 3 and 4 come back, 4 in another tile.
WALL = ((0, 0, 0, 59), (1, 1, 0, 59), (2, 2, 0, 59), (3, 3, 0, 20), (3, 3, 31, 59), (4, 4, 5, 25), (4, 5, 40, 59))


def extract(
    shards: Path,
    video: str = "wall",
    wall: Iterable[tuple[int, int, int, int]] = WALL,
    *,
    jitter: float = 0.0,
    settings: str = "first",
    pictures: Callable[[int, float], bytes] | None = None,
) -> VideoRecord:
    """Write a wall as an extraction leaves it; ``jitter`` in pixels is what another detector would find other.

    ``pictures`` gives that of a face by its frame and left edge, in place of `picture`.
    """
    rng = np.random.default_rng(7)
    found = [(f, p, n, t) for n, (p, t, first, last) in enumerate(wall) for f in range(first, last + 1)]
    frame, person, appearance, tile = (np.array(column, np.int32) for column in zip(*found, strict=True))
    left, top = 100.0 * tile + 10 + frame % 5, 60.0 + 20 * (tile % 3)
    box = np.stack([left, top, left + 60, top + 70], 1) + rng.normal(0, jitter, (len(frame), 4))
    identity = in_order_of_appearance(frame, box[:, 0], person)
    track = in_order_of_appearance(frame, identity, appearance)
    order = np.lexsort((track, identity, frame))
    columns = [column[order] for column in (frame, identity, track, box.astype(np.float32), person)]
    frame, identity, track, box, person = columns

    def block(start: int, stop: int) -> FaceRows:
        part = slice(start, stop)
        return FaceRows(
            frame=frame[part], identity=identity[part], track=track[part], time_s=frame[part] / FPS, bbox=box[part],
            landmarks=np.repeat(box[part, :2], 5, 1), det_score=np.full(stop - start, 0.9, np.float32),
            sharpness=frame[part].astype(np.float32),
            images=list(map(pictures or picture, frame[part].tolist(), box[part, 0].tolist())),
        )  # fmt: skip

    people = int(identity.max()) + 1
    metadata = ShardMetadata(
        video=video, frames=60, identities=people, source_sha256="s", models_sha256="m", settings_sha256=settings
    )
    paths = write_shards(shards, video, len(frame), block, metadata)
    some = np.flatnonzero(frame % 10 == 5)
    some = some[np.lexsort((frame[some], track[some]))]
    vectors = np.eye(8)[person[some]] + rng.normal(0, 0.05, (len(some), 8))
    embedded = EmbeddedFaces(frame[some], track[some], vectors.astype(np.float32))
    write_face_embeddings(shards, video, embedded)
    write_identities(shards, video, mean_embeddings(embedded, identity[some], people), np.bincount(identity))
    record = VideoRecord(
        id=video, fps=FPS, width=WIDTH, height=HEIGHT, frames=60, identities=people, faces=len(frame),
        tracks=int(track.max()) + 1, shards=len(paths), dropped_json='{"faces": {}, "identities": {}}',
        source_sha256="s", models_sha256="m", settings_sha256=settings,
    )  # fmt: skip
    update_videos(shards, record)
    return record


def picture(frame: int, left: float) -> bytes:
    """What stands for the JPEG of a face: no two are alike."""
    return hashlib.sha256(f"{frame} {left}".encode()).digest() * 40


def faces(shards: Path, video: str = "wall") -> pa.Table:
    """All rows of a video."""
    return pa.concat_tables(pq.read_table(one.path) for one in find_shards(shards) if one.video == video)


def people(shards: Path, video: str = "wall") -> dict[tuple[int, float], int]:
    """Whose each face is, by its frame and left edge."""
    table = faces(shards, video)
    lefts = [box[0] for box in table["bbox"].to_pylist()]
    return dict(zip(zip(table["frame"].to_pylist(), lefts, strict=True), table["identity"].to_pylist(), strict=True))


def contents(shards: Path) -> dict[str, bytes]:
    """All files but locks and the ledger of corrections."""
    files = (path for path in shards.rglob("*") if path.is_file() and not path.name.endswith((".lock", ".jsonl")))
    return {path.relative_to(shards).as_posix(): path.read_bytes() for path in files}
