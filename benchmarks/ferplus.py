"""The paper's comparison on FERPlus, real and complete: base, + IAL, + IAL + ACL, + IAL + ACL without self-masking.

    python benchmarks/ferplus.py [--scale cpu|gpu] [--seeds 42 43 44] [--jobs 2] [--work ferplus-runs]

Every run is `rmfer train` in a process of its own: the same pictures, steps and settings for all but the losses. A run
that is done is not done again, one that was stopped goes on. Shards are composed and extracted by `ferplus_shards.py`.
No weights from outside. The validation split (FER2013Valid) names the best epoch; test is read once, after training.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from common import HERE, keep, shared
from ferplus_shards import prepare

from rmfer.datasets.benchmark import Benchmark
from rmfer.datasets.loader import EvalLoader
from rmfer.datasets.recognise import open_benchmark
from rmfer.losses.attention import similarity
from rmfer.model.saved import load_model
from rmset_builder.core.machine import usable_cores

ARMS = {
    "base": ["--preset", "base"],
    "ial": ["--preset", "ial"],
    "ial-acl": [],
    "ial-acl-no-self-masking": ["--preset", "no-self-masking"],
}
# From scratch, so the paper's learning rates, which start from weights tuned on AffectNet, do not serve.
SCALES: dict[str, dict[str, Any]] = {
    # The largest that 12 runs within an hour or so allow on two cores.
    "cpu": {
        "backbone": "resnet10t",
        "backbone_args": {"channels": [16, 32, 64, 128], "stem_width": 8},
        "weights": "none",
        "size": 48,
        "shift": 3,
        "lr": 4e-3,
        "warmup_epochs": 0.25,
        "schedule": "linear",
        "decay_from": 0.7,
        "epochs": 8,
        "epochs_pre": 2,
        "workers": 1,
    },
    # For half an hour of one GPU, four runs at a time; not run yet. With more: --set backbone=resnet50 --set size=112.
    "gpu": {
        "backbone": "resnet18",
        "weights": "none",
        "size": 64,
        "shift": 4,
        "lr": 1e-3,
        "warmup_epochs": 0.25,
        "schedule": "linear",
        "decay_from": 0.7,
        "epochs": 20,
        "epochs_pre": 4,
        "workers": 4,
    },
}
MEASURES = ("overall", "average")
# Batches of one size come and go: glibc shall keep their memory rather than give it back each time.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(1 << 26),
}


def train(arm: str, seed: int, folder: Path, shards: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run, or go on with, one arm with one seed; its results."""
    results = folder / "results.json"
    if not results.is_file():
        settings = {**SCALES[options.scale], **dict(pair.split("=", 1) for pair in options.set), "seed": seed}
        command = [sys.executable, "-m", "rmfer", "train", "--rmset", str(shards), "--out", str(folder)]
        command += ["--benchmark", str(options.benchmark), "--preset", "ferplus-average", *ARMS[arm]]
        for name, value in settings.items():
            command += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
        if options.device:
            command += ["--device", options.device]
        if (folder / "last.ckpt").is_file():
            command += ["--resume"]
        threads = str(max(1, usable_cores() // options.jobs))
        environment = {**os.environ, **MALLOC, "OMP_NUM_THREADS": threads, "PYTHONPATH": str(HERE.parent)}
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "told.txt").open("a") as told:
            subprocess.run(command, env=environment, check=True, stdout=told, stderr=told)
    return json.loads(results.read_text())


def composed(shards: Path) -> dict[str, int]:
    """How many videos, people and faces there are."""
    table = pq.read_table(shards / "videos.parquet")
    people, faces = (sum(table[name].to_pylist()) for name in ("identities", "faces"))
    return {"videos": len(table), "people": people, "faces": faces}


def spread(values: list[float]) -> dict[str, float]:
    """Mean and standard deviation (of the sample), in per cent."""
    return {
        "mean": round(100 * statistics.mean(values), 2),
        "sd": round(100 * statistics.stdev(values), 2) if len(values) > 1 else 0.0,
    }


@torch.inference_mode()
def similarity_difference(folder: Path, benchmark: Benchmark) -> float:
    """Mean cosine of z of test pictures with the same label, less that of others; of the last epoch (Table 13)."""
    net, info = load_model(folder, which="last")
    with EvalLoader(benchmark.splits["test"], mean=info.mean, std=info.std, size=info.size, workers=1) as pictures:
        z, labels = zip(*((net.embed(batch.images)[1], batch.labels) for batch in pictures), strict=True)
    cosines, label = similarity(torch.cat(z), torch.cat(z), tau=1), torch.cat(labels)
    same, others = label[:, None] == label, ~torch.eye(len(label), dtype=torch.bool)
    return float(cosines[same & others].mean() - cosines[~same].mean())


def summary(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Of each arm, split, epoch (last or best) and measure: mean and deviation over the seeds."""
    return {
        arm: {
            f"{split}_{which}_{measure}": spread([run[which][split][measure] for run in runs])
            for split in ("test", "valid")
            for which in ("last", "best")
            for measure in MEASURES
        }
        for arm, runs in found.items()
    }


def main() -> None:
    """Train what is missing, then tell and keep what all runs found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=SCALES, default="cpu")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--work", type=Path, default=Path("ferplus-runs"))
    parser.add_argument("--device", help="given to rmfer train")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="given to all runs alike")
    parser.add_argument("--benchmark", type=Path, help="FERPlus; by default that of the test data")
    parser.add_argument("--shards", type=Path, help="by default composed and extracted")
    options = parser.parse_args()

    options.benchmark = options.benchmark or shared() / "data" / "ferplus.zip"
    shards = options.shards or prepare(options.work)
    jobs = [(arm, seed) for seed in options.seeds for arm in options.arms]
    told = threading.Lock()

    def run(job: tuple[str, int]) -> dict[str, Any]:
        arm, seed = job
        found = train(arm, seed, options.work / f"{options.scale}-{arm}-{seed}", shards, options)
        with told:
            print(f"{arm} seed {seed}: test, last epoch: {found['last']['test']}", flush=True)
        return found

    with ThreadPoolExecutor(options.jobs) as pool:
        results = dict(zip(jobs, pool.map(run, jobs), strict=True))
    found = {arm: [results[arm, seed] for seed in options.seeds] for arm in options.arms}
    benchmark = open_benchmark(options.benchmark)
    cosines = {
        arm: [
            similarity_difference(options.work / f"{options.scale}-{arm}-{seed}", benchmark) for seed in options.seeds
        ]
        for arm in options.arms
    }
    kept = {
        "scale": options.scale,
        "settings": {**SCALES[options.scale], **dict(pair.split("=", 1) for pair in options.set)},
        "seeds": options.seeds,
        "shards": composed(shards),
        "arms": summary(found),
        "similarity_difference": {
            arm: {"mean": round(statistics.mean(values), 4), "sd": round(statistics.stdev(values), 4)}
            for arm, values in cosines.items()
        },
        "runs": found,
    }
    keep("ferplus" if options.scale == "cpu" else f"ferplus_{options.scale}", kept, packages=("torch", "timm"))


if __name__ == "__main__":
    main()
