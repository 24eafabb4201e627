"""What a correction costs in a video of RMset's mean size: 45,570,579 faces in 216 videos are 210,975 in one.

    python benchmarks/corrections.py [--faces 210975] [--people 16] [--work FOLDER]

The pictures are noise of the size that a face's JPEG has (13 KB), so the disk has as much to do as with real ones.
Beside each correction a plain copy of the shards, which nothing that rewrites them can beat.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import keep

from rmset_builder.corrections.correct import drop, merge, swap, undo
from rmset_builder.identity.means import EmbeddedFaces, mean_embeddings
from rmset_builder.shards.face_embeddings import write_face_embeddings, write_identities
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.videos_table import VideoRecord, update_videos
from rmset_builder.shards.writer import write_shards

VIDEO = "mean"
# Frames of a track, and a face's JPEG.
TRACK, JPEG_BYTES = 500, 13_000


def make(shards: Path, faces: int, people: int) -> None:
    """A wall in which everybody is seen in every frame, in tracks of 20 seconds."""
    noise = np.random.default_rng(0).bytes(4 * JPEG_BYTES)

    def block(start: int, stop: int) -> FaceRows:
        row = np.arange(start, stop, dtype=np.int32)
        frame, person = np.divmod(row, np.int32(people))
        corner = np.stack([person % 4 * 300.0, person // 4 * 170.0], axis=1)
        return FaceRows(
            frame=frame,
            identity=person,
            track=frame // TRACK * np.int32(people) + person,
            time_s=frame / 25.0,
            bbox=np.concatenate([corner, corner + 90], axis=1).astype(np.float32),
            landmarks=np.repeat(corner, 5, axis=1).astype(np.float32),
            det_score=np.full(len(row), 0.9, np.float32),
            sharpness=np.full(len(row), 100, np.float32),
            images=[noise[one % JPEG_BYTES :][:JPEG_BYTES] for one in row.tolist()],
        )

    frames = -(-faces // people)
    paths = write_shards(shards, VIDEO, faces, block, ShardMetadata(video=VIDEO, frames=frames, identities=people))
    tracks = np.arange(-(-frames // TRACK) * people, dtype=np.int32)
    vectors = np.random.default_rng(1).normal(size=(len(tracks), 512)).astype(np.float32)
    embedded = EmbeddedFaces(tracks // people * TRACK, tracks, vectors)
    write_face_embeddings(shards, VIDEO, embedded)
    counts = np.bincount(np.arange(faces) % people)
    write_identities(shards, VIDEO, mean_embeddings(embedded, tracks % people, people), counts)
    update_videos(shards, VideoRecord(id=VIDEO, identities=people, faces=faces, tracks=len(tracks), shards=len(paths)))


def seconds(action: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    action()
    return round(time.perf_counter() - began, 2)


def main() -> None:
    """Measure each kind of correction, and copying, by turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=210_975)
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--work", type=Path, default=Path("corrections-runs"))
    options = parser.parse_args()
    shards, copy = options.work / "shards", options.work / "copy"
    for folder in (shards, copy):
        shutil.rmtree(folder, ignore_errors=True)
    make(shards, options.faces, options.people)
    size = sum(path.stat().st_size for path in shards.glob("*-*.parquet"))
    middle = options.faces // options.people // 2
    actions: dict[str, Callable[[], object]] = {
        "merge": lambda: merge(shards, VIDEO, [1, 2]),
        "swap": lambda: swap(shards, VIDEO, (3, 4), first=middle),
        "drop": lambda: drop(shards, VIDEO, 5),
        "undo": lambda: undo(shards),
    }
    found = {}
    for name, action in actions.items():
        took = seconds(action)
        copied = seconds(lambda: shutil.copytree(shards, copy))
        shutil.rmtree(copy)
        found[name] = {"seconds": took, "copying": copied}
    results = {"faces": options.faces, "people": options.people, "megabytes": round(size / 1e6), "corrections": found}
    keep("corrections", results, packages=("pyarrow",))


if __name__ == "__main__":
    main()
