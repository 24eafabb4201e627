"""The paper's comparison on FERPlus: one network from nothing, and every arm branches from it, as the paper's do.

    python benchmarks/ferplus.py [--scale cpu|gpu|smoke] [--seeds 42 43 44] [--jobs 2] [--minutes 30] [--work FOLDER]

Each run is `rmfer train` in a process of its own: a base, and from its weights, with each seed, the base continued,
+ IAL, + IAL + ACL, the methods that the paper compares with, and its ablations, alike in labelled pictures, steps,
optimiser and settings but for what makes the method. The learning rate of each is chosen on the validation split, with
the first seed. A run that is done is not done again, one that was stopped goes on; seeds that `ferplus.json` has whole
are not run again. With ``--minutes`` all runs are asked to stop in time. Shards are composed and extracted by
`ferplus_shards.py`. No weights from outside. Test is read once, after training.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from common import common_arguments, keep, shared
from ferplus_arms import (
    ACL,
    ARMS,
    BASE,
    BRANCHING,
    CHOSEN_BY,
    CONTINUED,
    FROM_NOTHING,
    IAL,
    RATES,
    SCALES,
    TUNED,
)
from ferplus_shards import prepare
from ferplus_subset import write_subset
from kept_runs import MEASURES, RULES, Found, digest_of, found_by, gain, kept_results, spread

from rmfer.evaluation.comparison import seen_in_training
from rmfer.labelled.registry import open_benchmark
from rmfer.runs.job import Job, assignments
from rmfer.runs.many import run_all

SUBSET = {"train": 8, "valid": 4, "test": 6}  # of each class, of the scale "smoke"
BASE_SEED = 42
Rates = dict[str, dict[str, float]]


def settings_of(arm: str, options: argparse.Namespace, *, seed: int, lr: float | None = None) -> dict[str, Any]:
    """Of `rmfer train`."""
    of_base, of_arms = SCALES[options.scale]
    if arm == BASE:
        return {**FROM_NOTHING, **of_base, **dict(pair.split("=", 1) for pair in options.set_base), "seed": seed}
    # The base's last weights, not those that were best on the validation split: nothing is chosen by it twice.
    weights = str(base_folder(options) / "last.safetensors")
    found = {**BRANCHING, **of_arms, **ARMS[arm][1], "weights": weights, "lr": lr, "seed": seed}
    return {**found, **dict(pair.split("=", 1) for pair in options.set_arms)}


def base_folder(options: argparse.Namespace) -> Path:
    """Of the base's run."""
    return Path(options.work / f"{options.scale}-{BASE}-{BASE_SEED}")


def job_of(arm: str, options: argparse.Namespace, shards: Path, *, seed: int, lr: float | None = None) -> Job:
    """A run: of the base, or of an arm with a learning rate."""
    arguments = ["--benchmark", str(options.benchmark), "--preset", "ferplus-average"]
    arguments += [word for preset in ARMS.get(arm, ([], {}))[0] for word in ("--preset", preset)]
    arguments += assignments(settings_of(arm, options, seed=seed, lr=lr))
    arguments += ["--device", options.device] if options.device else []
    if arm == BASE:
        return Job(arm, seed, base_folder(options), None, tuple(arguments))
    # A base needs no shards: they may still be on their way.
    folder = options.work / f"{options.scale}-{arm}-{seed}-lr{lr:g}"
    return Job(arm, seed, folder, base_folder(options), (*arguments, "--rmset", str(shards)))


def best_rates(jobs: Mapping[tuple[str, float], Job]) -> Rates:
    """What CHOSEN_BY names, on the validation split, in per cent, of each arm and learning rate that is done."""
    found: Rates = {}
    for (arm, lr), job in jobs.items():
        if job.is_done:
            valid = job.results()["last"]["valid"]
            found.setdefault(arm, {})[f"{lr:g}"] = round(100 * float(np.mean([valid[name] for name in CHOSEN_BY])), 3)
    return found


def rate_of(arm: str, rates: Rates) -> float:
    """The learning rate that served best: of the arm, or of what it is an ablation of."""
    own = rates[arm if arm in rates else ACL]
    return float(max(own, key=lambda lr: own[lr]))


def summary(seeds: Mapping[int, Mapping[str, Found]], options: argparse.Namespace) -> dict[str, Any]:
    """Of each arm mean and deviation over the seeds, and its gain over the base continued and over IAL.

    Each by both rules, and the gains also without the test pictures that training has too.
    """
    split = open_benchmark(options.benchmark).splits["test"]
    seen = seen_in_training(options.benchmark, "test")
    unseen = np.asarray([split.images.key_of(item) not in seen for item in split.items.tolist()])
    told: dict[str, Any] = {}
    for arm in ARMS:
        runs = [found[arm] for found in seeds.values() if arm in found]
        if not runs:
            continue
        own: dict[str, Any] = {}
        for rule in RULES:
            chosen = split.rules[rule]
            for measure in MEASURES:
                own[f"{rule} {measure}"] = spread(runs, rule, measure)
            for other in (CONTINUED, IAL):
                theirs = [found[other] for found in seeds.values() if arm in found and other in found]
                if arm != other and len(theirs) == len(runs):
                    own[f"minus {other}, by {rule}"] = gain(runs, theirs, split.labels, chosen)
                    own[f"minus {other}, by {rule}, not in training"] = gain(
                        runs, theirs, split.labels, chosen & unseen
                    )
        told[arm] = own
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
    parser.add_argument("--seeds", type=int, nargs="+", help="by default 42 to 46; one for smoke")
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=list(ARMS))
    parser.add_argument("--rates", type=float, nargs="+", help="learning rates to choose from; one for smoke and gpu")
    parser.add_argument("--device", help="given to rmfer train")
    parser.add_argument("--set-base", action="append", default=[], metavar="KEY=VALUE", help="given to all bases")
    parser.add_argument("--set-arms", action="append", default=[], metavar="KEY=VALUE", help="given to all arms alike")
    parser.add_argument("--collect", type=Path, help="also copy what runs found, but no weights, to this folder")
    parser.add_argument("--shards", type=Path, help="by default composed and extracted")
    options = parser.parse_args()
    options.seeds = options.seeds or ([42] if options.scale == "smoke" else [42, 43, 44, 45, 46])
    options.rates = options.rates or (list(RATES) if options.scale == "cpu" else [1e-4])
    options.benchmark = options.benchmark or shared() / "data" / "ferplus.zip"
    return options


def main() -> None:
    """Train what is missing, then tell and keep what all finished runs found."""
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.scale == "smoke":
        options.benchmark = write_subset(options.benchmark, options.work / "subset", SUBSET)
    shards = options.shards or prepare(options.work)
    name = "ferplus" if options.scale == "cpu" else f"ferplus_{options.scale}"
    settings = {arm: settings_of(arm, options, seed=0) | {"weights": BASE} for arm in ARMS}
    settings[BASE] = settings_of(BASE, options, seed=0)
    presets = {arm: own[0] for arm, own in ARMS.items()}
    digest = digest_of({**settings, "presets": presets, "chosen by": CHOSEN_BY})
    kept = {} if options.scale == "smoke" else kept_results(name, digest)
    whole = {int(seed): runs for seed, runs in kept.get("runs", {}).items() if runs.keys() >= set(options.arms)}
    began, failed = time.monotonic(), dict[str, str]()

    def run(jobs: Sequence[Job]) -> None:
        left = None if options.minutes is None else options.minutes - (time.monotonic() - began) / 60
        if left is None or left > 1:
            failed.update(run_all(jobs, at_once=options.jobs, minutes=left).failed)

    base = job_of(BASE, options, shards, seed=BASE_SEED)
    first = options.seeds[0]
    tuning = {
        (arm, lr): job_of(arm, options, shards, seed=first, lr=lr)
        for arm in TUNED
        if arm in options.arms or (arm == ACL and not {*options.arms} <= {*TUNED})
        for lr in options.rates
    }
    rates: Rates = kept.get("rates", {})
    if not rates.keys() >= {arm for arm, _ in tuning}:
        run([base, *tuning.values()])
        rates = best_rates(tuning)
    chosen_all = all(len(rates.get(arm, {})) == len(options.rates) for arm, _ in tuning)
    jobs = {
        (arm, seed): job_of(arm, options, shards, seed=seed, lr=rate_of(arm, rates))
        for seed in options.seeds
        if seed not in whole and chosen_all
        for arm in options.arms
    }
    if jobs:
        run([base, *jobs.values()])

    pictures = len(open_benchmark(options.benchmark).splits["test"])
    seeds = {seed: {arm: Found.from_json(told, pictures) for arm, told in runs.items()} for seed, runs in whole.items()}
    for (arm, seed), job in jobs.items():
        if job.is_done:
            seeds.setdefault(seed, {})[arm] = found_by(job)
    results = {
        "scale": options.scale,
        "digest": digest,
        "settings": settings,
        "presets": presets,
        "seconds_of_this_call": round(time.monotonic() - began),
        "shards": composed(shards) if shards.is_dir() else kept.get("shards"),
        "base": base.results() if base.is_done else kept.get("base"),
        "rates": rates,
        "seeds": sorted(seeds),
        "arms": summary(seeds, options),
        "unfinished": [job.folder.name for job in (base, *tuning.values(), *jobs.values()) if not job.is_done],
        "failed": failed,
        "runs": {str(seed): {arm: one.as_json() for arm, one in runs.items()} for seed, runs in sorted(seeds.items())},
    }
    if options.collect is not None:
        options.collect.mkdir(parents=True, exist_ok=True)
        collect([base, *tuning.values(), *jobs.values()], options.collect)
        (options.collect / "ferplus.json").write_text(json.dumps(results, indent=1) + "\n")
    if options.scale == "smoke":
        print(json.dumps(results["arms"], indent=1))
    else:
        keep(name, results, packages=("torch", "timm"))
    if failed:
        raise SystemExit(f"{len(failed)} runs failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
