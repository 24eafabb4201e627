"""Which runs a table needs, and where each lies: runs with the same settings and data are one, whatever the table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rmfer.labelled.benchmark import Benchmark
from rmfer.paper.published import Row, Table
from rmfer.runs.job import Job, assignments
from rmfer.settings import FREE_ON_RESUME, TrainConfig
from rmfer.shards.index import open_index
from rmfer.training.anchors import need_shards
from rmfer.training.presets import column_of, resolve

# A rehearsal of a whole table in minutes: no figure of it means anything.
QUICK = {
    "backbone": "resnet18_stride1",
    "backbone_args": {"channels": [8, 8, 8, 8]},
    "weights": "none",
    "size": 32,
    "batch_size": 32,
    "labelled": 256,
    "epochs": 1,
    "epochs_pre": 0,
    "lr": 0.001,
    "positives": 6,
    "negatives": 6,
    "frame_stride": 1,
    "pretrain_epochs": 1,
    "pretrain_steps": 4,
    "pretrain_batch": 32,
    "workers": 1,
}
_OF_SIMCLR = ("pretrain_epochs", "pretrain_steps", "pretrain_batch")


@dataclass(frozen=True)
class Data:
    """What runs train on: a benchmark, shards, and CelebA where it is at hand."""

    benchmark: Benchmark
    shards: Path
    celeba: Path | None = None

    @cached_property
    def shards_digest(self) -> str:
        """Of the shards' contents, wherever they lie.

        Raises:
            RmferError: there are none, or one is damaged.
        """
        return open_index(need_shards(self.shards)).digest


@dataclass(frozen=True)
class Planned:
    """A row's run with a seed: its settings as resolved, and how it is trained."""

    row: Row
    config: TrainConfig
    job: Job


def lacking(row: Row, data: Data) -> str:
    """Why a row cannot be run with what is at hand; "" where it can."""
    if row.presets is None:
        return row.why_not
    if row.needs == "celeba" and data.celeba is None:
        return "needs CelebA: --celeba PATH"
    return ""


def classes_of(table: Table, benchmark: Benchmark) -> int:
    """With how many expressions the table's runs train: AffectNet has 8, "AffectNet-7" leaves out contempt."""
    for wanted in (table.benchmark, *table.benchmarks):
        name, _, classes = wanted.partition("-")
        if classes.isdigit() and benchmark.title == name:
            return int(classes)
    return benchmark.classes


def plan_runs(
    table: Table, data: Data, folder: Path, *, seeds: Sequence[int], quick: bool, changes: Sequence[str]
) -> list[Planned]:
    """Every run that the table needs and that can be done, row by row.

    Args:
        table: with measures.
        data: to train on.
        folder: that all runs of all tables share.
        seeds: of each row.
        quick: with the settings `QUICK`.
        changes: "key=value" over everything.

    Raises:
        RmferError: ``changes`` contradict a row's settings.
    """
    classes = classes_of(table, data.benchmark)
    return [
        _planned(row, data, folder, classes=classes, seed=seed, quick=quick, changes=changes)
        for row in table.rows
        if not lacking(row, data)
        for seed in dict.fromkeys(seeds)  # twice the same run would pass for two
    ]


def _planned(
    row: Row, data: Data, folder: Path, *, classes: int, seed: int, quick: bool, changes: Sequence[str]
) -> Planned:
    presets, benchmark = list(row.presets or ()), data.benchmark
    own = {**row.settings, "seed": seed, "attention_batches": 32}
    if classes != benchmark.classes:
        own["classes"] = classes
    if row.needs == "celeba":
        own["celeba"] = str(data.celeba)
    if quick:
        own = {**{k: v for k, v in QUICK.items() if "simclr" in presets or k not in _OF_SIMCLR}, **own}
        own["labelled"] = QUICK["labelled"]
    words = [*_words(own), *changes]
    # As `rmfer train` resolves them: what is asked for decides which column of Table 8 lies below.
    column = column_of(benchmark.kind, resolve(presets, words).classes or benchmark.classes)
    config = resolve(presets, words, column=column)
    name = f"{'-'.join(presets) or 'full'}-{_digest(config, data)}-seed{seed}"
    arguments = ["--benchmark", str(benchmark.path), "--rmset", str(data.shards)]
    arguments += [word for preset in presets for word in ("--preset", preset)]
    arguments += [word for text in words for word in ("--set", text)]
    return Planned(row, config, Job(row.name, seed, folder / name, arguments=tuple(arguments)))


def _words(settings: dict[str, object]) -> list[str]:
    return assignments(settings)[1::2]


def _digest(config: TrainConfig, data: Data) -> str:
    """Of what a run's figures depend on."""
    settings = {name: value for name, value in config.dump().items() if name not in FREE_ON_RESUME - {"epochs"}}
    shards = data.shards_digest if config.needs_shards else ""
    told = json.dumps([settings, data.benchmark.digest, shards], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:10]
