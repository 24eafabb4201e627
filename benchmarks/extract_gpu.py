"""`rmset extract --gpu`: frames/s end to end, how busy the GPU is, and whether the faces are the CPU's.

Many copies of the given videos are extracted, several at a time; then each video once more on the CPU, and the rows are
compared: faces found by one side alone, distances of boxes and landmarks, agreement of identities.

    python benchmarks/extract_gpu.py VIDEO ... [--gpu 0] [--jobs 8] [--copies 16]

On a bare machine: benchmarks/gpu_machine.sh prepares it from wheels and runs this.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from common import keep
from thinning import errors, rows_of

from rmset_builder.core.machine import usable_cores

SMI_COLUMNS = "utilization.gpu,memory.used,name"


class GpuWatch:
    """Samples `nvidia-smi` while something runs."""

    def __init__(self, gpu: int) -> None:
        self._command = ["nvidia-smi", f"--id={gpu}", f"--query-gpu={SMI_COLUMNS}", "--format=csv,noheader,nounits"]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.samples: list[tuple[float, float]] = []
        self.name = ""

    def __enter__(self) -> GpuWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            busy, memory, self.name = subprocess.check_output(self._command, text=True).strip().split(", ")
            self.samples.append((float(busy), float(memory)))


def extract(videos: list[Path], out: Path, *options: str) -> tuple[list[dict[str, Any]], float]:
    """The videos' results and the seconds that all of them took, start included."""
    command = [sys.executable, "-m", "rmset_builder", "extract", *map(str, videos), "--out", str(out), "--json"]
    began = time.perf_counter()
    output = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in output.splitlines()], time.perf_counter() - began


def same_identities(first: Path, second: Path, video: str) -> float:
    """Share of the frames' pairs of faces, matched by place, on which both sides agree whether they are one person."""
    labels: list[dict[tuple[int, int, int], int]] = []
    for folder in (first, second):
        table = pq.read_table(folder / f"{video}-00000.parquet", columns=["frame", "identity", "bbox"])
        boxes = np.asarray(table["bbox"].combine_chunks().flatten()).reshape(-1, 4)
        places = ((boxes[:, :2] + boxes[:, 2:]) / 2 // 16).astype(int)
        keys = zip(table["frame"].to_pylist(), places[:, 0].tolist(), places[:, 1].tolist(), strict=True)
        labels.append(dict(zip(keys, table["identity"].to_pylist(), strict=True)))
    both = sorted(labels[0].keys() & labels[1].keys())
    a, b = (np.array([side[key] for key in both]) for side in labels)
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(both), (2, 1_000_000))
    return float(((a[i] == a[j]) == (b[i] == b[j])).mean())


def main() -> None:
    """Measure, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=max(1, usable_cores() // 2))
    parser.add_argument("--copies", type=int, default=16)
    options = parser.parse_args()
    gpu = ["--gpu", str(options.gpu)]
    with tempfile.TemporaryDirectory(prefix="rmset-gpu-") as scratch:
        folder = Path(scratch)
        copies = [folder / f"{video.stem}_{n}{video.suffix}" for n in range(options.copies) for video in options.videos]
        for copy, video in zip(copies, options.videos * options.copies, strict=True):
            shutil.copy(video, copy)
        extract(options.videos[:1], folder / "warm", *gpu)
        with GpuWatch(options.gpu) as watch:
            results, seconds = extract(copies, folder / "many", *gpu, "--jobs", str(options.jobs))
        alone, _ = extract(options.videos[:1], folder / "alone", *gpu)
        extract(options.videos, folder / "gpu", *gpu)
        extract(options.videos, folder / "cpu")
        compared = [
            {
                "video": video.stem,
                **errors(rows_of(folder / "cpu", video.stem), rows_of(folder / "gpu", video.stem)),
                "found_by_gpu_alone": errors(rows_of(folder / "gpu", video.stem), rows_of(folder / "cpu", video.stem))[
                    "missed_share"
                ],
                "identity_agreement": same_identities(folder / "cpu", folder / "gpu", video.stem),
            }
            for video in options.videos
        ]
    frames, faces = (sum(result[name] for result in results) for name in ("frames", "faces"))
    # The first and last few seconds are start and the last videos' tails, in which jobs run out.
    busy = [sample[0] for sample in watch.samples]
    results_kept = {
        "gpu": watch.name,
        "jobs": options.jobs,
        "videos": len(copies),
        "frames": frames,
        "faces_per_frame": round(faces / frames, 2),
        "seconds": round(seconds, 1),
        "frames_per_s": round(frames / seconds, 1),
        "one_video_alone_frames_per_s": round(alone[0]["frames"] / alone[0]["seconds_spent"], 1),
        "gpu_busy_mean": round(float(np.mean(busy)), 1),
        "gpu_busy_median": round(float(np.median(busy)), 1),
        "gpu_memory_mb": max(sample[1] for sample in watch.samples),
        "against_the_cpu": compared,
    }
    keep("extract_gpu", results_kept)


if __name__ == "__main__":
    main()
