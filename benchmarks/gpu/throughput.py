"""Step b: frames/s end to end, for several numbers of jobs, with the GPU's decoder and the CPU's.

    python benchmarks/gpu/throughput.py VIDEO ... [--gpu 0] [--jobs 4 8 12] [--copies 12]

Many copies of the videos are extracted. "end_to_end" counts from the command's start to its end; "steady" from the end
of the first eighth of the videos to that of seven eighths, when all jobs are at work. Kept after every configuration.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from common import keep
from extraction import extract
from watch import Watch

from rmset_builder.core.machine import usable_cores


def measure(videos: list[Path], out: Path, gpu: int | None, jobs: int, options: list[str]) -> dict[str, Any]:
    """One configuration's rates and how busy the machine was."""
    cpu = os.times()
    with Watch(gpu) as watch:
        results, ended, began = extract(videos, out, *options, "--jobs", str(jobs))
        stopped = time.monotonic()
    spent = os.times()
    frames = [result["frames"] for result in results]
    first, last = len(results) // 8, max(len(results) * 7 // 8, len(results) // 8 + 1)
    steady = sum(frames[first + 1 : last + 1]) / max(ended[min(last, len(ended) - 1)] - ended[first], 1e-9)
    core_seconds = spent.children_user + spent.children_system - cpu.children_user - cpu.children_system
    return {
        "jobs": jobs,
        "videos": len(results),
        "frames": sum(frames),
        "faces_per_frame": round(sum(result["faces"] for result in results) / sum(frames), 2),
        "seconds": round(stopped - began, 2),
        "first_video_after_s": round(ended[0] - began, 2),
        "end_to_end_frames_per_s": round(sum(frames) / (stopped - began), 1),
        "steady_frames_per_s": round(steady, 1),
        "core_ms_per_frame": round(1000 * core_seconds / sum(frames), 3),
        **watch.summary(since=ended[first], until=ended[min(last, len(ended) - 1)]),
    }


def main() -> None:
    """Measure each configuration, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--jobs", type=int, nargs="+", default=[8, 12, 4])
    parser.add_argument("--copies", type=int, default=12)
    parser.add_argument("--rehearse", action="store_true", help="on the CPU")
    options = parser.parse_args()
    gpu = None if options.rehearse else options.gpu
    common = [] if gpu is None else ["--gpu", str(gpu)]
    kept: dict[str, Any] = {"cores": usable_cores(), "configurations": []}
    with tempfile.TemporaryDirectory(prefix="rmset-gpu-") as scratch:
        folder = Path(scratch)
        copies = [folder / f"{video.stem}_{n}{video.suffix}" for n in range(options.copies) for video in options.videos]
        for copy, video in zip(copies, options.videos * options.copies, strict=True):
            shutil.copy(video, copy)
        # The same decoder first for all numbers of jobs; then the other with the number that was best.
        for number, asked in enumerate([*options.jobs, None]):
            out, decoder = folder / f"out{number}", "--nvdec" if asked else "--no-nvdec"
            best = max(kept["configurations"], key=lambda found: found["steady_frames_per_s"], default={})
            found = measure(copies, out, gpu, asked or best["jobs"], [*common, decoder])
            kept["configurations"].append({"decoder": decoder, **found})
            print(kept["configurations"][-1], flush=True)
            shutil.rmtree(out)
            keep("gpu/throughput" + ("_rehearsed" if options.rehearse else ""), kept)


if __name__ == "__main__":
    main()
