"""The paper's comparison on FERPlus: one network from nothing, and every arm branches from it, as the paper's do.

    python benchmarks/ferplus.py [--scale cpu|gpu|smoke] [--seeds 42 43 44] [--jobs 2] [--minutes 30] [--work FOLDER]

Each run is `rmfer train` in a process of its own: a base for each seed, and from its weights the base continued, + IAL,
+ IAL + ACL, and the paper's ablations, alike in pictures, steps and settings but for the losses. Seed by seed, base
first; a run that is done is not done again, one that was stopped goes on. With ``--minutes`` all runs are asked to stop
in time: they leave a checkpoint, what is finished is told, and the same command goes on. Shards are composed and
extracted by `ferplus_shards.py`. No weights from outside. Test is read once, after training.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow.parquet as pq
from common import HERE, keep, shared
from ferplus_arms import ARMS, BASE, BRANCHING, FROM_NOTHING, SCALES
from ferplus_shards import prepare
from ferplus_subset import write_subset

from rmfer.evaluation.comparison import compare, read_answers, seen_in_training
from rmset_builder.core.machine import usable_cores

SUBSET = {"train": 8, "valid": 4, "test": 6}  # of each class, of the scale "smoke"
MEASURES = ("overall", "average")
# A run that is asked to stop ends its step and writes its checkpoint in this time.
GRACE = 20.0
# Batches of one size come and go: glibc shall keep their memory rather than give it back each time.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(1 << 26),
}


@dataclass(frozen=True)
class Job:
    """A run: an arm, or the base, with a seed."""

    arm: str
    seed: int
    folder: Path
    base: Path | None = None

    @property
    def is_done(self) -> bool:
        """Whether its results are there."""
        return (self.folder / "results.json").is_file()

    @property
    def is_ready(self) -> bool:
        """Whether what it begins with is there."""
        return self.base is None or (self.base / "results.json").is_file()

    def results(self) -> dict[str, Any]:
        """What `rmfer train` found."""
        found: dict[str, Any] = json.loads((self.folder / "results.json").read_text())
        return found


def plan(options: argparse.Namespace) -> list[Job]:
    """All runs, in the order in which they are wanted."""
    jobs = []
    for seed in options.seeds:
        base = options.work / f"{options.scale}-{BASE}-{seed}"
        jobs.append(Job(BASE, seed, base))
        jobs += [Job(arm, seed, options.work / f"{options.scale}-{arm}-{seed}", base) for arm in options.arms]
    return jobs


def settings_of(job: Job, options: argparse.Namespace) -> dict[str, Any]:
    """Of `rmfer train`."""
    of_base, of_arms = SCALES[options.scale]
    if job.base is None:
        found = {**FROM_NOTHING, **of_base, **dict(pair.split("=", 1) for pair in options.set_base)}
    else:
        # The base's last weights, not those that were best on the validation split: nothing is chosen by it twice.
        weights = str(job.base / "last.safetensors")
        found = {**BRANCHING, **of_arms, "weights": weights, **dict(pair.split("=", 1) for pair in options.set_arms)}
    return {**found, "seed": job.seed}


def start(job: Job, options: argparse.Namespace, shards: Path) -> subprocess.Popen[bytes]:
    """Begin a run, or go on with it."""
    command = [sys.executable, "-m", "rmfer", "train", "--benchmark", str(options.benchmark), "--out", str(job.folder)]
    # A base needs no shards: they may still be on their way.
    command += ["--preset", "ferplus-average", *(["--rmset", str(shards)] if job.base else [])]
    for preset in ARMS.get(job.arm, []):
        command += ["--preset", preset]
    for name, value in settings_of(job, options).items():
        command += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    if options.device:
        command += ["--device", options.device]
    if any((job.folder / name).is_file() for name in ("last.ckpt", "log.jsonl")):
        command += ["--resume"]
    threads = str(max(1, usable_cores() // options.jobs))
    python_path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **MALLOC, "OMP_NUM_THREADS": threads, "PYTHONPATH": python_path}
    job.folder.mkdir(parents=True, exist_ok=True)
    with (job.folder / "told.txt").open("ab") as told:
        # In a session of its own, so that Ctrl-C comes to it once, from here.
        return subprocess.Popen(command, env=environment, stdout=told, stderr=told, start_new_session=True)


class Stop:
    """Whether to stop: the time is over, or somebody asked."""

    def __init__(self, minutes: float | None) -> None:
        self.asked = False
        self._end = None if minutes is None else time.monotonic() + 60 * minutes - GRACE
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._ask)

    def __bool__(self) -> bool:
        return self.asked or (self._end is not None and time.monotonic() > self._end)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def run_all(jobs: Sequence[Job], options: argparse.Namespace, shards: Path) -> dict[str, str]:
    """Run what is not done, some side by side, until it is or the time is over; why runs failed, by folder."""
    waiting = [job for job in jobs if not job.is_done]
    running: dict[Job, subprocess.Popen[bytes]] = {}
    failed: dict[str, str] = {}
    began, stop, told = time.monotonic(), Stop(options.minutes), False
    while running or (waiting and not stop):
        if stop and not told:
            for process in running.values():
                process.send_signal(signal.SIGINT)
            told = True
        for job, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[job]
            seconds = time.monotonic() - began
            if job.is_done:
                found = {rule: value["overall"] for rule, value in job.results()["last"].items() if "test" in rule}
                print(f"{seconds:,.0f} s: {job.arm} seed {job.seed}: last epoch, overall: {found}", flush=True)
            elif not stop:
                failed[job.folder.name] = (
                    f"exit code {process.returncode}: " + (job.folder / "told.txt").read_text(errors="replace")[-400:]
                )
                print(f"{job.arm} seed {job.seed} failed: {failed[job.folder.name]}", file=sys.stderr, flush=True)
                waiting = [other for other in waiting if other.base != job.folder]
        ready = [job for job in waiting if job.is_ready]
        if not stop and ready and len(running) < options.jobs:
            waiting.remove(ready[0])
            running[ready[0]] = start(ready[0], options, shards)
            continue
        time.sleep(0.2)
    return failed


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and standard deviation (of the sample), in per cent."""
    return {
        "mean": round(100 * statistics.mean(values), 2),
        "sd": round(100 * statistics.stdev(values), 2) if len(values) > 1 else 0.0,
        "seeds": len(values),
    }


def summary(jobs: Sequence[Job]) -> dict[str, Any]:
    """Of each arm, split or rule, epoch (last or best) and measure: mean and deviation over the seeds that are done."""
    told: dict[str, Any] = {}
    for arm in (BASE, *ARMS):
        runs = [job.results() for job in jobs if job.arm == arm and job.is_done]
        if not runs:
            continue
        told[arm] = {
            f"{split}_{which}_{measure}": spread([run[which][split][measure] for run in runs])
            for split in ("test", "test-majority", "valid")
            for which in ("last", "best")
            for measure in MEASURES
            if split in runs[0][which]
        }
    return told


def paired(jobs: Sequence[Job], options: argparse.Namespace) -> dict[str, Any]:
    """Of each arm against the base continued, by each rule, with and without test pictures that training has too.

    In per cent, of the last epoch: difference and 95 % interval, over pairs of runs with the same seed and pictures.
    """
    done = {(job.arm, job.seed): job.folder for job in jobs if job.is_done}
    seen = seen_in_training(options.benchmark, "test")
    told: dict[str, Any] = {}
    for arm in options.arms:
        seeds = [seed for seed in options.seeds if (arm, seed) in done and ("continued", seed) in done]
        if arm == "continued" or not seeds:
            continue
        ours, theirs = (
            [read_answers(done[side, seed], split="test", which="last") for seed in seeds]
            for side in (arm, "continued")
        )
        told[arm] = {
            part.which: {"pictures": part.images, "seeds": seeds}
            | {
                name: [round(100 * value, 2) for value in (found.value, *found.interval)]
                for name, found in part.found.items()
            }
            for part in compare(ours, theirs, seen=seen)
        }
    return told


def composed(shards: Path) -> dict[str, int]:
    """How many videos, people and faces there are."""
    table = pq.read_table(shards / "videos.parquet")
    people, faces = (sum(table[name].to_pylist()) for name in ("identities", "faces"))
    return {"videos": len(table), "people": people, "faces": faces}


def collect(jobs: Sequence[Job], folder: Path) -> None:
    """Copy logs, results and evaluations of all runs below ``folder``."""
    for job in jobs:
        for pattern in ("*.json*", "*.yaml", "*.txt", "evaluation/*.json", "evaluation/*.parquet"):
            for file in job.folder.glob(pattern):
                place = folder / job.folder.name / file.relative_to(job.folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=SCALES, default="cpu")
    parser.add_argument("--seeds", type=int, nargs="+", help="by default 42 43 44; one for smoke")
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=list(ARMS)[:5])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--minutes", type=float, help="stop before so many are over, and go on with the next call")
    parser.add_argument("--work", type=Path, default=Path("ferplus-runs"))
    parser.add_argument("--device", help="given to rmfer train")
    parser.add_argument("--set-base", action="append", default=[], metavar="KEY=VALUE", help="given to all bases")
    parser.add_argument("--set-arms", action="append", default=[], metavar="KEY=VALUE", help="given to all arms alike")
    parser.add_argument("--benchmark", type=Path, help="FERPlus; by default that of the test data")
    parser.add_argument("--collect", type=Path, help="also copy what runs found, but no weights, to this folder")
    parser.add_argument("--shards", type=Path, help="by default composed and extracted")
    options = parser.parse_args()
    options.seeds = options.seeds or ([42] if options.scale == "smoke" else [42, 43, 44])
    options.benchmark = options.benchmark or shared() / "data" / "ferplus.zip"
    return options


def main() -> None:
    """Train what is missing, then tell and keep what all finished runs found."""
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.scale == "smoke":
        options.benchmark = write_subset(options.benchmark, options.work / "subset", SUBSET)
    shards = options.shards or prepare(options.work)
    jobs = plan(options)
    began = time.monotonic()
    failed = run_all(jobs, options, shards)
    kept = {
        "scale": options.scale,
        "settings": {
            job.arm: settings_of(job, options) | {"presets": ARMS.get(job.arm, [])}
            for job in jobs
            if job.seed == options.seeds[0]
        },
        "seeds": options.seeds,
        "seconds_of_this_call": round(time.monotonic() - began),
        "shards": composed(shards) if shards.is_dir() else None,
        "arms": summary(jobs),
        "minus_continued": paired(jobs, options),
        "unfinished": [job.folder.name for job in jobs if not job.is_done],
        "failed": failed,
        "runs": {job.folder.name: job.results() for job in jobs if job.is_done},
    }
    if options.collect is not None:
        options.collect.mkdir(parents=True, exist_ok=True)
        collect(jobs, options.collect)
        (options.collect / "ferplus.json").write_text(json.dumps(kept, indent=1) + "\n")
    if options.scale == "smoke":
        print(json.dumps(kept["arms"], indent=1))
    else:
        keep("ferplus" if options.scale == "cpu" else f"ferplus_{options.scale}", kept, packages=("torch", "timm"))
    if failed:
        raise SystemExit(f"{len(failed)} runs failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
