"""`rmset extract --engine ray` beside the local engine: whole commands, the same cores, by turns.

    python benchmarks/ray_engine.py [--work FOLDER] [--rounds 3] [--copies 2] [VIDEO ...]

Without videos, the mashups of the test data, so many copies of each. Two workers of a core each on both sides; Ray is
started for the command and ends with it, which the whole command's ratio counts, and the videos' own does not: from
when the first is done to the last, the others' frames a second. All shards are compared byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import HERE, keep, shared

WORKERS = 2
ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Run:
    """A command's seconds and frames, and the frames a second once its first video is done."""

    seconds: float
    frames: int
    steady: float


def extract(engine: str, videos: Sequence[Path], out: Path) -> Run:
    """Extract with two workers of a core each."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "rmset_builder", "extract", *map(str, videos), "--out", str(out), "--json"]
    command += ["--jobs", str(WORKERS), "--threads", str(WORKERS), "--engine", engine]
    began, ends, frames = time.monotonic(), [], []
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            ends.append(time.monotonic())
            frames.append(json.loads(line)["frames"])
    seconds = time.monotonic() - began
    if process.returncode or len(ends) != len(videos):
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode} after {len(ends)} videos")
    return Run(seconds, sum(frames), sum(frames[1:]) / (ends[-1] - ends[0]))


def shards(out: Path) -> dict[str, bytes]:
    """All that two runs have in common."""
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*-*.parquet")}


def copies(videos: Sequence[Path], count: int, place: Path) -> list[Path]:
    """So many copies of each video, under names of their own."""
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        for video in videos:
            path = place / f"{video.stem}-{number}{video.suffix}"
            if not path.exists():
                shutil.copyfile(video, path)
            paths.append(path)
    return paths


def beside(runs: dict[str, list[Run]], name: str) -> dict[str, Any]:
    """Of each round, Ray's figure over the local engine's; more is better."""
    of = {engine: [getattr(run, name) for run in runs[engine]] for engine in ENGINES}
    pairs = zip(of["ray"], of["local"], strict=True)
    ratios = [local / ray if name == "seconds" else ray / local for ray, local in pairs]
    return {
        **{engine: [round(value, 2) for value in of[engine]] for engine in ENGINES},
        "ratios": [round(ratio, 3) for ratio in ratios],
        "median": round(statistics.median(ratios), 3),
    }


def main() -> None:
    """Both by turns, each first every other time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--work", type=Path, default=Path("ray-runs"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copies", type=int, default=2)
    options = parser.parse_args()
    sources = options.videos or sorted((shared() / "data" / "mashups").glob("*.mp4"))
    videos = copies(sources, options.copies, options.work / "videos")
    runs: dict[str, list[Run]] = {engine: [] for engine in ENGINES}
    for number in range(options.rounds):
        for engine in ENGINES if number % 2 == 0 else reversed(ENGINES):
            runs[engine].append(extract(engine, videos, options.work / engine))
        if shards(options.work / "local") != shards(options.work / "ray"):
            raise SystemExit("the two engines' shards differ")
    results = {
        "videos": len(videos),
        "frames": runs["local"][0].frames,
        "workers": WORKERS,
        "whole_command_s": beside(runs, "seconds"),
        "steady_frames_per_s": beside(runs, "steady"),
        "shards": "byte for byte the same",
    }
    keep("ray_engine", results, packages=("ray",))


if __name__ == "__main__":
    main()
