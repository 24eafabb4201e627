"""The folder in which the documentation's commands run: what its examples take for there, all real and small."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
from small_benchmarks import affectnet_csv, ferplus, zip_of
from small_models import write_run
from small_shards import picture
from training_helpers import SETTINGS, run

from rmset_builder.demo.compose import find_photo
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.shards.checked_parquet import write_checked
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.videos_table import VideoRecord, update_videos
from rmset_builder.shards.writer import write_shards

# Faces 300 frames apart, as anchor sets want them, of more people than a set has positives at one moment.
FRAMES, EVERY, PEOPLE = 700, 10, 12
MANIFEST = """\
source: folder
filters: {min_duration_s: 1, min_height: 100}
groups: [{name: Sadness, folders: [../mine]}]
"""


def long_video(folder: Path) -> None:
    """Shards of a video of minutes, which no test has the time to extract: people who stay, some pictures again."""
    small = [cv2.imdecode(np.frombuffer(picture(number), np.uint8), cv2.IMREAD_COLOR) for number in range(PEOPLE)]
    jpegs = [cv2.imencode(".jpg", cv2.resize(one, (260, 260)))[1].tobytes() for one in small]
    pairs = np.array([(f, p) for f in range(0, FRAMES, EVERY) for p in range(PEOPLE)], np.int32)

    def block(start: int, stop: int) -> FaceRows:
        frame, identity = pairs[start:stop, 0].copy(), pairs[start:stop, 1].copy()
        count = len(frame)
        return FaceRows(
            frame=frame, identity=identity, track=identity, time_s=frame / 25,
            bbox=np.tile(np.float32([10, 10, 90, 90]), (count, 1)), landmarks=np.full((count, 10), 50, np.float32),
            det_score=np.full(count, 0.9, np.float32), sharpness=np.arange(start, stop, dtype=np.float32),
            images=[jpegs[person] for person in identity.tolist()],
        )  # fmt: skip

    settings = ExtractSettings()
    metadata = ShardMetadata(
        video="long", frames=FRAMES, identities=PEOPLE, source_sha256="s", models_sha256="m",
        settings_sha256=settings.sha256, settings=settings.model_dump_json(),
    )  # fmt: skip
    paths = write_shards(folder, "long", len(pairs), block, metadata)
    record = VideoRecord(
        id="long", source="elsewhere/long.mp4", source_sha256="s", title="Long", fps=25, frames=FRAMES,
        identities=PEOPLE, tracks=PEOPLE, faces=len(pairs), shards=len(paths), models_sha256="m",
        settings_sha256=settings.sha256,
    )  # fmt: skip
    table = {
        "video": ["long"] * PEOPLE, "identity": pa.array(np.arange(PEOPLE, dtype=np.int32)),
        "faces": np.bincount(pairs[:, 1]), "embedding": pa.array([[1.0]] * PEOPLE, pa.list_(pa.float32(), 1)),
    }  # fmt: skip
    write_checked(pa.table(table), folder / "identities" / "long.parquet")
    update_videos(folder, record)


def train(name: str) -> None:
    """A run in ``runs/``: a tiny network, trained for a moment on the small FERPlus, as `rmfer train` does it."""
    line = ["train", "--benchmark", "ferplus.zip", "--rmset", "shards", "--out", f"runs/{name}", "--device", "cpu"]
    for key, value in {**SETTINGS, "epochs": 1, "epochs_pre": 0, "lambda2": 0}.items():
        line += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    done = run(line)
    assert done.returncode == 0, done.stderr


def furnish(folder: Path, video: Path, make_clip: Callable[..., Path], rmset: Callable[..., object]) -> None:
    """Fill ``folder``, which is the current one.

    ``wall.mp4`` and ``mashup.mp4`` (the small video), ``more/``, ``mine/`` with a manifest of it, ``shards/`` of these
    and of a long video, ``people.jpg``, ``photo.jpg``, ``holiday/``, ``ferplus.zip``, ``data/``, ``AFFECTNET/`` and
    ``runs/``: NAME (a network that nothing trained), ial, and copies of it: ial-42, ial-acl, base, base-42.
    """
    for name in ("wall.mp4", "mashup.mp4", "mine/wall.mp4"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(video, folder / name)
    (folder / "more").mkdir()
    make_clip(folder / "more" / "two.mp4", "-i", video, "-vf", "hflip", "-frames:v", 12, "-threads", 1)
    (folder / "manifests").mkdir()
    (folder / "manifests" / "keywords.yaml").write_text(MANIFEST)
    rmset("extract", "wall.mp4", "more", "--threads", 1)
    long_video(folder / "shards")

    photo = cv2.imread(str(find_photo()))
    small = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    (folder / "holiday").mkdir()
    for name in ("people.jpg", "photo.jpg", "holiday/beach.jpg"):
        cv2.imwrite(str(folder / name), small)

    ferplus(folder / "data")
    votes = folder / "data" / "fer2013new.csv"
    # Half of the votes for a face is no majority, and a test by majorities wants some.
    votes.write_text(votes.read_text().replace(",5\n", ",0\n"))
    zip_of(folder / "data", folder / "ferplus.zip")
    affectnet_csv(folder / "AFFECTNET")
    write_run(folder / "runs" / "NAME")
    train("ial")
    for again in ("ial-42", "ial-acl", "base", "base-42"):
        shutil.copytree(folder / "runs" / "ial", folder / "runs" / again)
