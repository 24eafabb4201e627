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
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from common import common_arguments, keep, shared
from ferplus_arms import ARMS, BASE, BRANCHING, FROM_NOTHING, SCALES
from ferplus_shards import prepare
from ferplus_subset import write_subset

from rmfer.evaluation.comparison import compare, read_answers, seen_in_training
from rmfer.runs.job import Job, assignments
from rmfer.runs.many import run_all

SUBSET = {"train": 8, "valid": 4, "test": 6}  # of each class, of the scale "smoke"
MEASURES = ("overall", "average")


def plan(options: argparse.Namespace, shards: Path) -> list[Job]:
    """All runs, in the order in which they are wanted."""
    jobs = []
    for seed in options.seeds:
        base = options.work / f"{options.scale}-{BASE}-{seed}"
        for arm in (BASE, *options.arms):
            job = Job(arm, seed, options.work / f"{options.scale}-{arm}-{seed}", None if arm == BASE else base)
            jobs.append(replace(job, arguments=tuple(arguments_of(job, options, shards))))
    return jobs


def arguments_of(job: Job, options: argparse.Namespace, shards: Path) -> list[str]:
    """Of `rmfer train`."""
    arguments = ["--benchmark", str(options.benchmark), "--preset", "ferplus-average"]
    # A base needs no shards: they may still be on their way.
    arguments += ["--rmset", str(shards)] if job.base else []
    arguments += [word for preset in ARMS.get(job.arm, []) for word in ("--preset", preset)]
    return arguments + assignments(settings_of(job, options)) + (["--device", options.device] if options.device else [])


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
    parser = common_arguments(__doc__, scales=SCALES, work=Path("ferplus-runs"))
    parser.add_argument("--seeds", type=int, nargs="+", help="by default 42 43 44; one for smoke")
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=list(ARMS)[:5])
    parser.add_argument("--device", help="given to rmfer train")
    parser.add_argument("--set-base", action="append", default=[], metavar="KEY=VALUE", help="given to all bases")
    parser.add_argument("--set-arms", action="append", default=[], metavar="KEY=VALUE", help="given to all arms alike")
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
    jobs = plan(options, shards)
    began = time.monotonic()
    failed = run_all(jobs, at_once=options.jobs, minutes=options.minutes).failed
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
