"""Recall and identities on mashups with exact truth: the four that ship with the test data, and others composed anew.

python benchmarks/mashups.py [--seeds 101 102 ...] [--hard-seeds 201 202 ...] [--engine openvino]

Seeds compose walls as clean as those that ship; hard seeds compose walls with fades, wipes, exchanges and the like, in
which a track could run on from one person to another (``impure_tracks`` counts those that do).
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from common import keep, shared

from rmset_builder.inference.session import ONNX_RUNTIME, OPENVINO
from rmset_builder.shards.reader import read_columns
from rmset_builder.shards.videos_table import read_videos

HAMILTON = "face_recognition/short_hamilton_clip.mp4"
WALKING = "intel_gifs/face-demographics-walking-and-pause.gif"
COUPLE = "intel_gifs/head-pose-face-detection-female-and-male.gif"
# What each seed is composed with; the seed itself chooses the people and what they do.
KINDS = [
    ["--reactors", "9", "--seconds", "20", "--film", HAMILTON, "--swaps", "1", "--dropouts", "2", "--mirror"],
    ["--reactors", "12", "--seconds", "24", "--film", WALKING, "--swaps", "2", "--dropouts", "2", "--solos", "2",
     "--features", "2"],
    ["--reactors", "19", "--seconds", "20", "--film", HAMILTON, "--swaps", "2", "--dropouts", "3", "--crf", "33"],
    ["--reactors", "12", "--seconds", "24", "--film", HAMILTON, "--swaps", "2", "--dropouts", "2", "--solos", "2",
     "--features", "3", "--mirror"],
    ["--reactors", "20", "--seconds", "20", "--film", WALKING, "--swaps", "1", "--dropouts", "3", "--crf", "30",
     "--size", "1920x1080"],
    ["--reactors", "16", "--seconds", "16", "--film", COUPLE, "--swaps", "1", "--crf", "26", "--size", "854x480"],
]  # fmt: skip
# What each hard seed is composed with.
HARD_KINDS = [
    ["--reactors", "12", "--seconds", "14", "--swaps", "2", *options]
    for options in (
        ["--fade", "4", "--film", HAMILTON],
        ["--fade", "10", "--dropouts", "2"],
        ["--fade", "15", "--film", COUPLE, "--mirror"],
        ["--fade", "25", "--film", HAMILTON],
        ["--replace", "4", "--melt", "12", "--film", HAMILTON],
        ["--wipe", "12", "--film", COUPLE],
        ["--exchange", "20", "--film", HAMILTON],
        ["--slide", "20", "--exchange", "4"],
        ["--emoji", "12", "--fade", "10"],
        ["--flicker", ".4", "--fade", "6"],
        ["--portrait", "12", "--fade", "8", "--film", HAMILTON],
        ["--fade", "10", "--flicker", ".2", "--lean", "20", "--captions", "4", "--replace", "3", "--judder", "4",
         "--grey", "3", "--zoom", ".1", "--crf", "28", "--mirror", "--film", HAMILTON],
    )
]  # fmt: skip


def main() -> None:
    """Compose, extract, score, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="*", type=int, default=[301, 302, 303, 304, 305, 306])
    parser.add_argument("--hard-seeds", nargs="*", type=int, default=[])
    parser.add_argument("--engine", choices=[ONNX_RUNTIME, OPENVINO], default=ONNX_RUNTIME)
    options = parser.parse_args()
    recipes = [
        (seed, kinds[number % len(kinds)])
        for seeds, kinds in ((options.seeds, KINDS), (options.hard_seeds, HARD_KINDS))
        for number, seed in enumerate(seeds)
    ]
    tools, data = shared() / "tools", shared() / "data"
    with tempfile.TemporaryDirectory(prefix="rmset-mashups-") as scratch:
        folder = Path(scratch)
        videos = sorted((data / "mashups").glob("*.mp4"))
        kinds: dict[str, str] = {}
        for seed, kind in recipes:
            video = folder / f"seed{seed}.mp4"
            clips = ["--clips", str(data / "clips" / "clips.csv"), "--root", str(data / "clips"), "--out", str(video)]
            clips += ["--face-boxes", str(data / "clips" / "faces.csv")]
            command = [sys.executable, str(tools / "make_mashup.py"), *clips, "--seed", str(seed), *kind]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            kinds[video.stem] = " ".join(kind)
            videos.append(video)
        shards = folder / "shards"
        command = [sys.executable, "-m", "rmset_builder", "extract", *videos, "--out", shards]
        subprocess.run([*command, "--engine", options.engine], check=True)
        records = read_videos(shards)
        results = []
        for video in videos:
            row = scores(shards, video)
            record = records[video.stem]
            row["impure_tracks"] = impure_tracks(shards, video)
            rate = round(record.frames / record.seconds_spent, 1)
            results.append(
                {"video": video.stem, "made": kinds.get(video.stem, "as shipped"), **row, "frames_per_s": rate}
            )
    other = options.engine != ONNX_RUNTIME
    keep(f"mashups_{options.engine}" if other else "mashups", results, packages=(options.engine,) if other else ())


def scores(shards: Path, video: Path) -> dict[str, Any]:
    """What the scorer of the test data says of a video's shards, by the truth that lies beside the video."""
    scorer = load(shared() / "tools" / "score_mashup.py")
    with video.with_suffix(".truth.csv").open() as truth:
        found: dict[str, Any] = scorer.score(*scorer.load_rows(shards, video.stem), csv.DictReader(truth))
    return found


def impure_tracks(shards: Path, video: Path) -> int:
    """Tracks whose faces lie in tiles of more than one person of the wall."""
    tiles: dict[int, list[tuple[str, list[float]]]] = {}
    with video.with_suffix(".truth.csv").open() as truth:
        for row in csv.DictReader(truth):
            place = [float(row[side]) for side in ("x0", "y0", "x1", "y1")]
            tiles.setdefault(int(row["frame"]), []).append((row["identity"], place))
    people: dict[int, set[str]] = {}
    for path in sorted(shards.glob(f"{video.stem}-*.parquet")):
        columns = (values.tolist() for values in read_columns(path, "frame", "track", "bbox"))
        for frame, track, (left, top, right, bottom) in zip(*columns, strict=True):
            x, y = (left + right) / 2, (top + bottom) / 2
            there = (who for who, (x0, y0, x1, y1) in tiles.get(frame, ()) if x0 <= x < x1 and y0 <= y < y1)
            people.setdefault(track, set()).update(itertools.islice(there, 1))
    return sum(len(names - {"film"}) > 1 for names in people.values())


def load(path: Path) -> ModuleType:
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
