"""What finished runs found, row by row, by each rule of the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rmfer.analysis.kept import kept_measures, measure_run
from rmfer.analysis.run_measures import GAMMAS, RunMeasures
from rmfer.evaluation.comparison import read_answers
from rmfer.evaluation.paired import differences
from rmfer.paper.plan import Planned
from rmfer.paper.published import Table

ACCURACIES = ("overall", "average")


@dataclass(frozen=True)
class Spread:
    """A measure over seeds: its mean, its deviation (of the sample; None of one run) and how many there are."""

    mean: float
    deviation: float | None
    seeds: int


@dataclass(frozen=True)
class Found:
    """What a row's runs found.

    Attributes:
        values: by rule ("" where the split has none), (columns,).
        minus_base: by rule, (columns,) difference from the base's runs and its 95 % interval, per cent; empty where it
            is the base, or where nothing is paired.
    """

    values: dict[str, tuple[Spread, ...]]
    minus_base: dict[str, tuple[tuple[float, float, float], ...]]


def collect(table: Table, planned: Sequence[Planned], benchmark: Path) -> dict[str, Found]:
    """By the row's name, of all rows with a finished run. Runs that must be measured are, and remember it.

    Args:
        table: which.
        planned: its runs.
        benchmark: where it lies.

    Raises:
        RmferError: a run's files cannot be read.
    """
    done: dict[str, list[Planned]] = {}
    for one in planned:
        if one.job.is_done:
            done.setdefault(one.row.name, []).append(one)
    base = next((done.get(row.name, []) for row in table.rows if row.is_base), [])
    return {name: _found(table, runs, base, benchmark) for name, runs in done.items()}


def _found(table: Table, runs: Sequence[Planned], base: Sequence[Planned], benchmark: Path) -> Found:
    if not set(table.measures) <= set(ACCURACIES):
        measured = [_measures(one.job.folder, benchmark) for one in runs]
        return Found({"": tuple(_spread([_value(one, name) for one in measured]) for name in table.measures)}, {})
    results = [one.job.results()["last"] for one in runs]
    values = {}
    for split in (name for name in results[0] if name.startswith("test")):
        rule = str(results[0][split].get("rule", ""))
        found = [[100 * float(one[split][name]) for one in results] for name in table.measures]
        values[rule] = tuple(map(_spread, found))
    is_base = bool(base) and runs[0].row is base[0].row
    return Found(values, {} if is_base or not base else _minus(runs, base, table.measures, rules=list(values)))


def _minus(
    runs: Sequence[Planned], base: Sequence[Planned], measures: Sequence[str], *, rules: Sequence[str]
) -> dict[str, tuple[tuple[float, float, float], ...]]:
    """In pairs of the seeds that both sides have."""
    ours, theirs = ({one.job.seed: one.job.folder for one in side} for side in (runs, base))
    seeds = [seed for seed in ours if seed in theirs]
    if not seeds:
        return {}
    sides = [[read_answers(side[seed], split="test", which="last") for seed in seeds] for side in (ours, theirs)]
    first = sides[0][0]
    told = {}
    for rule in rules:
        chosen = first.rules.get(rule, np.ones(len(first.labels), np.bool_))
        mine, others = (np.stack([one.correct[chosen] for one in side]) for side in sides)
        found = differences(mine, others, first.labels[chosen], in_pairs=True)
        told[rule] = tuple(
            (100 * found[name].value, 100 * found[name].interval.low, 100 * found[name].interval.high)
            for name in measures
        )
    return told


def _measures(run: Path, benchmark: Path) -> RunMeasures:
    kept = kept_measures(run)
    # `rmfer analyze` may have kept other gammas' than the tables have.
    if kept is not None and {f"{gamma:g}" for gamma in GAMMAS} <= kept.filter_ratios.keys():
        return kept
    return measure_run(run, benchmark)


def _value(measures: RunMeasures, name: str) -> float:
    kind, _, part = name.partition("-")
    if kind == "cosine":
        return measures.cosine_difference
    if kind == "filter":
        return 100 * measures.filter_ratios[part]
    distances: Mapping[str, float] = measures.distances
    return float(np.nanmean(list(distances.values()))) if part == "average" else distances[part]


def _spread(values: Sequence[float]) -> Spread:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), deviation, len(values))
