"""A small collection of two videos as fetch and extract leave it, made in no time: ledger, files, shards, tables."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rmset_builder.fetching.catalog import FETCHED, Video
from rmset_builder.fetching.ledger import Ledger
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.shards.checked_parquet import write_checked
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.videos_table import VideoRecord, read_videos, update_videos
from rmset_builder.shards.writer import write_shards

SIZE, PEOPLE, FRAMES = 48, 4, 200
SETTINGS = ExtractSettings(image_size=SIZE)


def jpeg(number: int, size: int = SIZE) -> bytes:
    """A picture unlike that of any other number."""
    pixels = np.random.default_rng(number).integers(0, 256, (size, size, 3), np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


JPEGS = [jpeg(number) for number in range(PEOPLE)]


def face_rows(start: int, stop: int) -> FaceRows:
    """Rows of a video in which person n is shown, with the same picture, in every frame that n + 1 divides."""
    row = np.arange(start, stop)
    frame, identity = (column[start:stop] for column in PLACES)
    return FaceRows(
        frame=frame,
        identity=identity,
        track=identity + 10,
        time_s=frame / 25.0,
        bbox=np.repeat(row[:, None], 4, 1).astype(np.float32),
        landmarks=np.repeat(row[:, None], 10, 1).astype(np.float32),
        det_score=np.full(len(row), 0.9, np.float32),
        sharpness=row.astype(np.float32),
        images=[JPEGS[one] for one in identity.tolist()],
    )


_PAIRS = np.array([(f, p) for f in range(FRAMES) for p in range(PEOPLE) if f % (p + 1) == 0], np.int32)
PLACES = (_PAIRS[:, 0].copy(), _PAIRS[:, 1].copy())
ROWS = len(_PAIRS)


class Collection:
    """Two videos, ``one`` and ``two``, in ``videos/`` and ``shards/`` of a folder."""

    def __init__(self, folder: Path) -> None:
        self.videos, self.shards = folder / "videos", folder / "shards"
        with Ledger(self.videos) as ledger:
            for video in ("one", "two"):
                content = f"film {video}".encode() * 100
                (self.videos / f"{video}.mp4").write_bytes(content)
                sha256 = hashlib.sha256(content).hexdigest()
                row = Video(
                    id=video, url=f"https://site.example/{video}", site="Site", site_id=video,
                    title=f"Title of {video}", channel="A person's name", group="Anger", keyword="k", state=FETCHED,
                    file=f"{video}.mp4", bytes=len(content), sha256=sha256, checked=True,
                )  # fmt: skip
                ledger.record(row)
                self._extract(video, sha256)

    def _extract(self, video: str, sha256: str) -> None:
        metadata = ShardMetadata(
            video=video, group="Anger", frames=FRAMES, identities=PEOPLE, source_sha256=sha256, models_sha256="m",
            settings_sha256=SETTINGS.sha256, settings=SETTINGS.model_dump_json(),
        )  # fmt: skip
        self.shards.mkdir(exist_ok=True)
        paths = write_shards(self.shards, video, ROWS, face_rows, metadata)
        (self.shards / "identities").mkdir(exist_ok=True)
        faces = np.bincount(PLACES[1])
        table = {
            "video": [video] * PEOPLE, "identity": pa.array(np.arange(PEOPLE, dtype=np.int32)), "faces": faces,
            "embedding": pa.array([[float(n)] * 4 for n in range(PEOPLE)], pa.list_(pa.float32(), 4)),
        }  # fmt: skip
        write_checked(pa.table(table), self.shards / "identities" / f"{video}.parquet")
        source = self.videos / f"{video}.mp4"
        record = VideoRecord(
            id=video, source=str(source), source_bytes=source.stat().st_size, source_sha256=sha256,
            title=f"Title of {video}", group="Anger", frames=FRAMES, identities=PEOPLE, tracks=PEOPLE, faces=ROWS,
            shards=len(paths), models_sha256="m", settings_sha256=SETTINGS.sha256,
        )  # fmt: skip
        update_videos(self.shards, record)

    def table(self, video: str) -> pa.Table:
        """All rows of a video's shards."""
        return pa.concat_tables(pq.read_table(s.path) for s in find_shards(self.shards) if s.video == video)

    def record(self, video: str) -> VideoRecord:
        """A video's row in the table."""
        return read_videos(self.shards)[video]
