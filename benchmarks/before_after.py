"""Extraction by this checkout against another one (an earlier commit, say), by turns in one run.

git worktree add ../before COMMIT; python benchmarks/before_after.py ../before [--rounds 5] [VIDEO ...]

Whole commands, start included. Ratios are of frames/s after and before, and of frames per processor second: the median
of all rounds, the least and the greatest. Processor seconds suffer less from what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from common import HERE, keep, shared
from watched_command import processor_seconds

from rmset_builder.shards.checked_parquet import read_checked


class Seconds(NamedTuple):
    """What one command took."""

    wall: float
    processor: float


def main() -> None:
    """Run both sides by turns, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="the other checkout")
    parser.add_argument("videos", nargs="*", type=Path, help="film11 and crowd19 where none is given")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    mashups = shared() / "data" / "mashups"
    sides = {"before": options.before.resolve(), "after": HERE.parent}
    results = {}
    for video in options.videos or [mashups / "film11.mp4", mashups / "crowd19.mp4"]:
        seconds: dict[str, list[Seconds]] = {side: [] for side in sides}
        with tempfile.TemporaryDirectory(prefix="rmset-before-after-") as scratch:
            for number in range(options.rounds):
                for side, checkout in list(sides.items())[:: 1 if number % 2 else -1]:
                    seconds[side].append(extract(checkout, video, Path(scratch, f"{side}{number}")))
            shards = [Path(scratch, f"{side}0", f"{video.stem}-00000.parquet") for side in sides]
            same = read_checked(shards[0]).equals(read_checked(shards[1]))
        rounds = list(zip(seconds["before"], seconds["after"], strict=True))
        results[video.stem] = {
            "rounds": options.rounds,
            "seconds": {side: _median(run.wall for run in runs) for side, runs in seconds.items()},
            "processor_seconds": {side: _median(run.processor for run in runs) for side, runs in seconds.items()},
            "rate_ratio": _spread(before.wall / after.wall for before, after in rounds),
            "processor_ratio": _spread(before.processor / after.processor for before, after in rounds),
            "rows_equal": same,
        }
    results["before"] = subprocess.run(
        ["git", "-C", options.before, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    keep("before_after", results)


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 2)


def _spread(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    found = {"median": statistics.median(ordered), "least": ordered[0], "greatest": ordered[-1]}
    return {name: round(value, 3) for name, value in found.items()}


def extract(checkout: Path, video: Path, out: Path) -> Seconds:
    """Extract a video with the code of a checkout, by a command of its own."""
    command = [sys.executable, "-m", "rmset_builder", "extract", video, "--out", out]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    began, before = time.perf_counter(), processor_seconds()
    subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True)
    return Seconds(time.perf_counter() - began, processor_seconds() - before)


if __name__ == "__main__":
    main()
