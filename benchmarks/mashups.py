"""Recall and identities on mashups with exact truth: the four that ship with the test data, and others composed anew.

python benchmarks/mashups.py [--seeds 101 102 ...]
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from common import keep, shared

from rmset_builder.videos_table import read_videos

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


def main() -> None:
    """Compose, extract, score, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="*", type=int, default=[301, 302, 303, 304, 305, 306])
    seeds = parser.parse_args().seeds
    tools, data = shared() / "tools", shared() / "data"
    scorer = load(tools / "score_mashup.py")
    with tempfile.TemporaryDirectory(prefix="rmset-mashups-") as scratch:
        folder = Path(scratch)
        videos = sorted((data / "mashups").glob("*.mp4"))
        kinds: dict[str, str] = {}
        for number, seed in enumerate(seeds):
            kind = KINDS[number % len(KINDS)]
            video = folder / f"seed{seed}.mp4"
            clips = ["--clips", str(data / "clips" / "clips.csv"), "--root", str(data / "clips"), "--out", str(video)]
            command = [sys.executable, str(tools / "make_mashup.py"), *clips, "--seed", str(seed), *kind]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            kinds[video.stem] = " ".join(kind)
            videos.append(video)
        shards = folder / "shards"
        subprocess.run([sys.executable, "-m", "rmset_builder", "extract", *videos, "--out", shards], check=True)
        records = read_videos(shards)
        results = []
        for video in videos:
            with video.with_suffix(".truth.csv").open() as truth:
                row: dict[str, Any] = scorer.score(*scorer.load_rows(shards, video.stem), csv.DictReader(truth))
            record = records[video.stem]
            rate = round(record.frames / record.seconds_spent, 1)
            results.append(
                {"video": video.stem, "made": kinds.get(video.stem, "as shipped"), **row, "frames_per_s": rate}
            )
    keep("mashups", results)


def load(path: Path) -> ModuleType:
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
