"""`rmset extract` against the obvious program, both sides in one run, and where our time goes.

    python benchmarks/extract.py VIDEO ... [--obvious-frames 150] [--rounds 2]

For each video: frames/s and faces/s of both, their ratio, peak memory of the whole process tree, and the bound: every
stage alone on all cores with the work that the extraction really did (so many pictures of so many pixels detected, so
many faces embedded, ...), added up. The obvious program's clock starts when its libraries and models are loaded, so
ours is the second video of a command; the first one's rate, and the ratio with all of a command's start, stand beside.
Both sides and every stage run once in each round, and the best of all rounds counts: what else a machine does in one
of them says nothing of either.
"""

from __future__ import annotations

import argparse
import collections
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from common import HERE, keep

from rmset_builder.core.machine import usable_cores
from rmset_builder.core.priority_pool import Urgency, Workers
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.multiscale import DetectorBank
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.faces.align import arcface_crop
from rmset_builder.faces.jpeg import decode_jpeg, encode_faces
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.identity.embedder import Embedder
from rmset_builder.inference.session import Device
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
from rmset_builder.video.decode import Frame, FrameReader
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


def run_watched(command: list[str]) -> tuple[str, float, float]:
    """Standard output, seconds, and the peak of the process tree's memory in MB."""
    began = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            try:
                tree = [process, *process.children(recursive=True)]
                peak[0] = max(peak[0], sum(p.memory_info().rss for p in tree) / 1e6)
            except psutil.Error:
                continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    stop.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return output, time.perf_counter() - began, peak[0]


def stages_alone(video: Path, threads: int, rounds: int, folder: Path) -> dict[str, float]:
    """Seconds of each stage alone on ``threads`` cores, for the work that one extraction does.

    Frames come from memory one after the other, as in an extraction: from a cache they would be read faster.
    """
    cv2.setNumThreads(1)
    pack, settings, device = load_pack(), ExtractSettings(), Device()
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
        frames = first_frames(info)
        calls = [(bank.get(size), size) for size, n in bank.calls.items() for _ in range(n)]

        def detect(number: int) -> object:
            detector, size = calls[number]
            return detector.detect([picture_of(frames[number % len(frames)], size)])

        seconds["detect"] = timed(lambda: list(pool.map(detect, range(len(calls)))), rounds)
        rows = joined(list(read_blocks(shard_path(folder, video.stem, 0))))
        chosen = [rows.images[i] for i in np.linspace(0, len(rows) - 1, embedder.count).astype(int)]

        def embed(picture: bytes) -> object:
            return embedder.embed([arcface_crop(decode_jpeg(picture))])

        seconds["embed"] = timed(lambda: list(pool.map(embed, chosen)), rounds)
        by_frame = np.split(rows.landmarks, np.flatnonzero(np.diff(rows.frame)) + 1)

        def encode(number: int) -> object:
            return encode_faces(frames[number % len(frames)], by_frame[number], side=260, quality=95)

        seconds["align + JPEG"] = timed(lambda: list(pool.map(encode, range(len(by_frame)))), rounds)

    def block(start: int, stop: int) -> FaceRows:
        return taken(rows, np.arange(start, stop))

    seconds["write"] = timed(lambda: write_shards(folder, "again", record.faces, block, ShardMetadata()), rounds)
    return seconds


def decode_all(info: VideoInfo, threads: int) -> None:
    """Read every frame and do nothing with it."""
    with FrameReader(info, threads=threads) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            pass


def first_frames(info: VideoInfo) -> list[Frame]:
    """The first frames of a video."""
    frames: list[Frame] = []
    with FrameReader(info) as reader:
        while len(frames) < KEPT_FRAMES and reader.read_into(buffer := np.empty(reader.shape, np.uint8)):
            frames.append(buffer)
    return frames


def picture_of(frame: Frame, size: InputSize) -> Frame:
    """What an input is filled with: the whole frame, or a square of it."""
    return frame if size.width != size.height else frame[: size.height, : size.width]


Extracted = tuple[list[dict[str, Any]], float]


def extract(videos: list[Path], out: Path, threads: int) -> tuple[Extracted, float]:
    """The results and the seconds of one command, start included; and its peak memory in MB."""
    command = [sys.executable, "-m", "rmset_builder", "extract", *map(str, videos), "--out", str(out), "--json"]
    output, seconds, peak = run_watched([*command, "--threads", str(threads)])
    return ([json.loads(line) for line in output.splitlines()], seconds), peak


@dataclass(frozen=True)
class Round:
    """Frames/s of both sides in one round, and what they took."""

    obvious: float
    second: float
    first: float
    with_start: float
    frames: int
    faces: int
    obvious_peak_mb: float
    our_peak_mb: float


def one_round(video: Path, again: Path, folder: Path, obvious_frames: int, threads: int) -> Round:
    """Both sides once."""
    command = [sys.executable, str(HERE / "obvious.py"), str(video), str(folder / "obvious"), str(obvious_frames)]
    output, _, obvious_peak = run_watched(command)
    obvious = json.loads(output.splitlines()[-1])
    (once, with_start), our_peak = extract([video], folder / "once", threads)
    (both, _), _ = extract([video, again], folder / "twice", threads)
    frames, faces = (both[-1][name] for name in ("frames", "faces"))
    return Round(
        obvious=obvious["frames"] / obvious["seconds"],
        second=frames / both[-1]["seconds_spent"],
        first=frames / once[-1]["seconds_spent"],
        with_start=frames / with_start,
        frames=frames,
        faces=faces,
        obvious_peak_mb=obvious_peak,
        our_peak_mb=our_peak,
    )


def measure(video: Path, obvious_frames: int, threads: int, rounds: int) -> dict[str, Any]:
    """Both sides for one video."""
    with tempfile.TemporaryDirectory(prefix="rmset-benchmark-") as scratch:
        folder = Path(scratch)
        again = folder / f"{video.stem}_again{video.suffix}"
        shutil.copy(video, again)
        seen = [one_round(video, again, folder / str(number), obvious_frames, threads) for number in range(rounds)]
        (folder / "stages").mkdir()
        stages = stages_alone(video, threads, rounds, folder / "stages")
    obvious_rate, rate, first_rate, rate_with_start = (
        max(getattr(one, name) for one in seen) for name in ("obvious", "second", "first", "with_start")
    )
    frames, faces = seen[0].frames, seen[0].faces
    bound = frames / sum(stages.values())
    return {
        "video": video.stem,
        "frames": frames,
        "faces": faces,
        "obvious_frames_per_s": round(obvious_rate, 2),
        "ours_frames_per_s": round(rate, 1),
        "ours_faces_per_s": round(rate * faces / frames, 1),
        "ours_first_video_frames_per_s": round(first_rate, 1),
        "ratio": round(rate / obvious_rate, 1),
        "ratio_with_start": round(rate_with_start / obvious_rate, 1),
        "obvious_peak_mb": round(max(one.obvious_peak_mb for one in seen)),
        "ours_peak_mb": round(max(one.our_peak_mb for one in seen)),
        "stages_alone_s": {name: round(seconds, 2) for name, seconds in stages.items()},
        "bound_frames_per_s": round(bound, 1),
        "share_of_bound": round(rate / bound, 2),
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--obvious-frames", type=int, default=150, help="frames the obvious program is given")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    results = [measure(video, options.obvious_frames, options.threads, options.rounds) for video in options.videos]
    keep("extract", results)


if __name__ == "__main__":
    main()
