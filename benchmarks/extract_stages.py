"""Every stage of an extraction alone on all cores, with the work that one extraction of the video really does."""

from __future__ import annotations

import collections
import itertools
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import decoded_frames

from rmset_builder.core.priority_pool import Urgency, Workers
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.multiscale import DetectorBank
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.faces.align import arcface_crop
from rmset_builder.faces.jpeg import decode_jpeg, encode_faces
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.identity.embedder import Embedder
from rmset_builder.inference.session import ONNX_RUNTIME, Device, Runtime
from rmset_builder.pipeline.engine import Engine, EngineSpec
from rmset_builder.pipeline.extract import extract_video
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.layout import shard_path
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.reader import read_blocks
from rmset_builder.shards.schema import FaceRows, joined, taken
from rmset_builder.shards.writer import write_shards
from rmset_builder.video.decode import Frame
from rmset_builder.video.info import VideoInfo

KEPT_FRAMES = 60


class CountingBank(DetectorBank):
    """Remembers how many pictures of each size were looked at."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls: collections.Counter[InputSize] = collections.Counter()

    def get(self, size: InputSize) -> Scrfd:
        """The detector, once more."""
        self.calls[size] += 1
        return super().get(size)


class CountingEmbedder(Embedder):
    """Remembers how many faces were embedded."""

    count = 0

    def embed(self, faces: Any) -> Any:
        """Embed and count."""
        self.count += len(faces)
        return super().embed(faces)


def timed(work: Callable[[], object], rounds: int) -> float:
    """Seconds that ``work`` takes in the best of some rounds."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def stages_alone(video: Path, engine: Runtime, threads: int, rounds: int, folder: Path) -> dict[str, float]:
    """Seconds of each stage alone on ``threads`` cores, for the work that one extraction does.

    Frames come from memory one after the other, as in an extraction: from a cache they would be read faster.
    """
    cv2.setNumThreads(1)
    pack, settings, device = load_pack(), ExtractSettings(), Device(runtime=engine, threads=threads)
    if engine == ONNX_RUNTIME:  # which computes in the thread that asks
        device = Device()
    bank = CountingBank(pack.detector, batch=1, device=device, threshold=settings.det_threshold_low)
    embedder = CountingEmbedder(pack.recogniser, batch=1, device=device)
    info = VideoInfo.from_path(video)
    work = folder / "work"
    work.mkdir()
    with closing(Workers(threads)) as workers:
        pool = workers.at(Urgency.AWAITED)
        engine = Engine(EngineSpec(pack, settings, device, threads), bank, embedder, workers)
        task = Task(video.stem, video, Provenance())
        record = extract_video(task, info, engine, out=folder, work=work, progress=lambda *_: None)
        seconds = {"decode": timed(lambda: decode_all(info, threads), rounds)}
        first = [frame.copy() for frame in itertools.islice(decoded_frames(info), KEPT_FRAMES)]
        calls = [(bank.get(size), size) for size, n in bank.calls.items() for _ in range(n)]

        def detect(number: int) -> object:
            detector, size = calls[number]
            return detector.detect([picture_of(first[number % len(first)], size)])

        seconds["detect"] = timed(lambda: list(pool.map(detect, range(len(calls)))), rounds)
        rows = joined(list(read_blocks(shard_path(folder, video.stem, 0))))
        chosen = [rows.images[i] for i in np.linspace(0, len(rows) - 1, embedder.count).astype(int)]

        def embed(picture: bytes) -> object:
            return embedder.embed([arcface_crop(decode_jpeg(picture))])

        seconds["embed"] = timed(lambda: list(pool.map(embed, chosen)), rounds)
        by_frame = np.split(rows.landmarks, np.flatnonzero(np.diff(rows.frame)) + 1)

        def encode(number: int) -> object:
            return encode_faces(first[number % len(first)], by_frame[number], side=260, quality=95)

        seconds["align + JPEG"] = timed(lambda: list(pool.map(encode, range(len(by_frame)))), rounds)

    def block(start: int, stop: int) -> FaceRows:
        return taken(rows, np.arange(start, stop))

    seconds["write"] = timed(lambda: write_shards(folder, "again", record.faces, block, ShardMetadata()), rounds)
    return seconds


def decode_all(info: VideoInfo, threads: int) -> None:
    """Read every frame and do nothing with it."""
    for _ in decoded_frames(info, threads=threads):
        pass


def picture_of(frame: Frame, size: InputSize) -> Frame:
    """What an input is filled with: the whole frame, or a square of it."""
    return frame if size.width != size.height else frame[: size.height, : size.width]
