"""`rmset extract` against the obvious program, both sides in one run, and where our time goes.

    python benchmarks/extract.py VIDEO ... [--engines onnxruntime openvino] [--obvious-frames 150] [--rounds 3]

For each video and engine: whole commands with start-up on both sides (the obvious program is given some frames, and the
rest is added at its rate), their ratio; the same once all is loaded, ours as the second video of a command; peak memory
of the whole process tree; and bounds. One is every stage alone on all cores with the work that the extraction
really did, so many pictures of so many pixels detected, so many faces embedded and so on, added up, and for whole
commands what one with two frames takes besides. The others are the processor time that the command really took, as if
no core had ever waited, and as if none had but while Python starts, imports and ends, which one core does. All sides
and every stage run once in each round, and the best of all rounds counts: what else a machine does in one of them says
nothing of either.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import HERE, keep
from extract_stages import stages_alone
from watched_command import Watched, run_watched

from rmset_builder.core.machine import usable_cores
from rmset_builder.inference.session import ONNX_RUNTIME, OPENVINO, Runtime
from rmset_builder.video.ffmpeg import find_ffmpeg


def extract(videos: list[Path], out: Path, engine: Runtime, threads: int) -> tuple[list[dict[str, Any]], Watched]:
    """The results of one command, and what it took, start included."""
    command = [sys.executable, "-m", "rmset_builder", "extract", *map(str, videos), "--out", str(out), "--json"]
    watched = run_watched([*command, "--engine", engine, "--threads", str(threads)])
    return [json.loads(line) for line in watched.output.splitlines()], watched


@dataclass(frozen=True)
class Obvious:
    """The obvious program in one round: seconds of its start, frames a second after it, peak memory in MB."""

    start_s: float
    rate: float
    peak_mb: float


@dataclass(frozen=True)
class Ours:
    """Ours in one round.

    Seconds of a whole command, by the clock and of all cores, and of one with two frames; seconds of cores that wait
    while it imports; frames a second of its only and of a second video; memory.
    """

    whole_s: float
    processor_s: float
    two_frames_s: float
    idle_imports_s: float
    first: float
    second: float
    frames: int
    faces: int
    peak_mb: float


def obvious(video: Path, folder: Path, frames: int) -> Obvious:
    """The obvious program on a video's first frames."""
    command = [sys.executable, str(HERE / "obvious.py"), str(video), str(folder), str(frames)]
    watched = run_watched(command)
    told = json.loads(watched.output.splitlines()[-1])
    return Obvious(watched.seconds - told["seconds"], told["frames"] / told["seconds"], watched.peak_mb)


@dataclass(frozen=True)
class Videos:
    """A video, a copy of it, and its first two frames."""

    video: Path
    again: Path
    short: Path


def ours(videos: Videos, folder: Path, engine: Runtime, threads: int) -> Ours:
    """A command with the video, one with a copy of it after it, and one with its first two frames."""
    once, alone = extract([videos.video], folder / "once", engine, threads)
    both, _ = extract([videos.video, videos.again], folder / "twice", engine, threads)
    _, start = extract([videos.short], folder / "short", engine, threads)
    imports = run_watched([sys.executable, "-c", "import rmset_builder.commands.extract"])
    idle = threads * imports.seconds - imports.processor_s
    frames, faces = (both[-1][name] for name in ("frames", "faces"))
    first, second = frames / once[-1]["seconds_spent"], frames / both[-1]["seconds_spent"]
    return Ours(alone.seconds, alone.processor_s, start.seconds, idle, first, second, frames, faces, alone.peak_mb)


def with_copies(video: Path, folder: Path) -> Videos:
    """A video and what else is made of it, with an encoder that every ffmpeg has."""
    again, short = folder / f"{video.stem}_again{video.suffix}", folder / f"{video.stem}_short.mp4"
    shutil.copy(video, again)
    picked = ["-frames:v", "2", "-an", "-c:v", "mpeg4", "-q:v", "2"]
    subprocess.run([find_ffmpeg().path, "-v", "error", "-i", str(video), *picked, str(short)], check=True)
    return Videos(video, again, short)


def measure(video: Path, engines: list[Runtime], obvious_frames: int, threads: int, rounds: int) -> dict[str, Any]:
    """All sides for one video."""
    theirs: list[Obvious] = []
    of: dict[Runtime, list[Ours]] = {engine: [] for engine in engines}
    stages: dict[Runtime, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="rmset-benchmark-") as scratch:
        folder = Path(scratch)
        videos = with_copies(video, folder)
        for number in range(rounds):
            theirs.append(obvious(video, folder / f"obvious{number}", obvious_frames))
            for engine in engines:
                of[engine].append(ours(videos, folder / f"{engine}{number}", engine, threads))
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
        **{engine: beside(of[engine], stages[engine], whole_s, rate, threads) for engine in engines},
    }


def beside(
    found: list[Ours], stages: dict[str, float], obvious_s: float, obvious_rate: float, threads: int
) -> dict[str, Any]:
    """Ours of all rounds beside the obvious program's best."""
    frames, faces = found[0].frames, found[0].faces
    whole_s, rate = min(one.whole_s for one in found), max(one.second for one in found)
    bound = frames / sum(stages.values())
    two_frames_s, processor_s = min(one.two_frames_s for one in found), min(one.processor_s for one in found)
    idle_s = min(one.idle_imports_s for one in found)
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
        "two_frames_s": round(two_frames_s, 2),
        "processor_s": round(processor_s, 2),
        "cores_idle_in_imports_s": round(idle_s, 2),
        "stages_alone_s": {name: round(seconds, 2) for name, seconds in stages.items()},
        "ratio_if_stages_never_waited": round(obvious_s / (two_frames_s + sum(stages.values())), 1),
        "ratio_if_no_core_waited": round(obvious_s / (processor_s / threads), 1),
        "ratio_if_none_waited_but_in_imports": round(obvious_s / ((processor_s + idle_s) / threads), 1),
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
