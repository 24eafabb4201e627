"""`rmset extract` against the obvious program, both sides in one run, and where our time goes.

    python benchmarks/extract.py VIDEO ... [--engines onnxruntime openvino] [--obvious-frames 150] [--rounds 3]

For each video and engine: whole commands with start-up on both sides (the obvious program is given some frames, and the
rest is added at its rate), their ratio; the same once all is loaded, ours as the second video of a command; peak memory
of the whole process tree; and the bound: every stage alone on all cores with the work that the extraction really did,
so many pictures of so many pixels detected, so many faces embedded and so on, added up. All sides and every stage run
once in each round, and the best of all rounds counts: what else a machine does in one of them says nothing of either.
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
from rmset_builder.inference.session import ONNX_RUNTIME, OPENVINO, Device, Runtime
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


def extract(videos: list[Path], out: Path, engine: Runtime, threads: int) -> tuple[Extracted, float]:
    """The results and the seconds of one command, start included; and its peak memory in MB."""
    command = [sys.executable, "-m", "rmset_builder", "extract", *map(str, videos), "--out", str(out), "--json"]
    output, seconds, peak = run_watched([*command, "--engine", engine, "--threads", str(threads)])
    return ([json.loads(line) for line in output.splitlines()], seconds), peak


@dataclass(frozen=True)
class Obvious:
    """The obvious program in one round: seconds of its start, frames a second after it, peak memory in MB."""

    start_s: float
    rate: float
    peak_mb: float


@dataclass(frozen=True)
class Ours:
    """Ours in one round: seconds of a whole command, frames a second of its only and of a second video, memory."""

    whole_s: float
    first: float
    second: float
    frames: int
    faces: int
    peak_mb: float


def obvious(video: Path, folder: Path, frames: int) -> Obvious:
    """The obvious program on a video's first frames."""
    command = [sys.executable, str(HERE / "obvious.py"), str(video), str(folder), str(frames)]
    output, seconds, peak = run_watched(command)
    told = json.loads(output.splitlines()[-1])
    return Obvious(seconds - told["seconds"], told["frames"] / told["seconds"], peak)


def ours(video: Path, again: Path, folder: Path, engine: Runtime, threads: int) -> Ours:
    """One command with the video, and one with a copy of it after it."""
    (once, whole_s), peak = extract([video], folder / "once", engine, threads)
    (both, _), _ = extract([video, again], folder / "twice", engine, threads)
    frames, faces = (both[-1][name] for name in ("frames", "faces"))
    first, second = frames / once[-1]["seconds_spent"], frames / both[-1]["seconds_spent"]
    return Ours(whole_s, first, second, frames, faces, peak)


def measure(video: Path, engines: list[Runtime], obvious_frames: int, threads: int, rounds: int) -> dict[str, Any]:
    """All sides for one video."""
    theirs: list[Obvious] = []
    of: dict[Runtime, list[Ours]] = {engine: [] for engine in engines}
    stages: dict[Runtime, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="rmset-benchmark-") as scratch:
        folder = Path(scratch)
        again = folder / f"{video.stem}_again{video.suffix}"
        shutil.copy(video, again)
        for number in range(rounds):
            theirs.append(obvious(video, folder / f"obvious{number}", obvious_frames))
            for engine in engines:
                of[engine].append(ours(video, again, folder / f"{engine}{number}", engine, threads))
        for engine in engines:
            (folder / f"stages-{engine}").mkdir()
            stages[engine] = stages_alone(video, engine, threads, rounds, folder / f"stages-{engine}")
    frames, faces = of[engines[0]][0].frames, of[engines[0]][0].faces
    rate, start_s = max(one.rate for one in theirs), min(one.start_s for one in theirs)
    whole_s = start_s + frames / rate
    return {
        "video": video.stem,
        "frames": frames,
        "faces": faces,
        "obvious": {
            "start_s": round(start_s, 2),
            "frames_per_s": round(rate, 2),
            "whole_command_s": round(whole_s, 1),
            "peak_mb": round(max(one.peak_mb for one in theirs)),
        },
        **{engine: beside(of[engine], stages[engine], whole_s, rate) for engine in engines},
    }


def beside(found: list[Ours], stages: dict[str, float], obvious_s: float, obvious_rate: float) -> dict[str, Any]:
    """Ours of all rounds beside the obvious program's best."""
    frames, faces = found[0].frames, found[0].faces
    whole_s, rate = min(one.whole_s for one in found), max(one.second for one in found)
    bound = frames / sum(stages.values())
    return {
        "whole_command_s": round(whole_s, 2),
        "whole_command_s_of_rounds": [round(one.whole_s, 2) for one in found],
        "ratio_of_whole_commands": round(obvious_s / whole_s, 1),
        "first_video_frames_per_s": round(max(one.first for one in found), 1),
        "frames_per_s": round(rate, 1),
        "faces_per_s": round(rate * faces / frames, 1),
        "ratio_when_loaded": round(rate / obvious_rate, 1),
        "faces": faces,
        "peak_mb": round(max(one.peak_mb for one in found)),
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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", nargs="+", choices=[ONNX_RUNTIME, OPENVINO], default=[ONNX_RUNTIME, OPENVINO])
    options = parser.parse_args()
    results = [
        measure(video, options.engines, options.obvious_frames, options.threads, options.rounds)
        for video in options.videos
    ]
    keep("extract", results, packages=("openvino",) if OPENVINO in options.engines else ())


if __name__ == "__main__":
    main()
