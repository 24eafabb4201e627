"""What is found in finished runs: means and deviations, differences from the base, measures."""

from __future__ import annotations

from pathlib import Path
from statistics import mean, stdev

import pytest
import torch
from training_helpers import arguments, run, write_benchmark

from rmfer.analysis.measures import filter_ratio
from rmfer.analysis.run_measures import embed_split
from rmfer.evaluation.comparison import compare, read_answers
from rmfer.labelled.registry import open_benchmark
from rmfer.model.saved import load_model
from rmfer.paper.collect import collect
from rmfer.paper.plan import Planned
from rmfer.paper.published import Table, published
from rmfer.runs.job import Job
from rmfer.training.presets import resolve


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark, and runs of two rows with two seeds."""
    folder = tmp_path_factory.mktemp("collect")
    write_benchmark(folder / "benchmark", valid=2, test=4)
    for name, more in (("base", {"lambda1": 0}), ("ial", {})):
        for seed in (1, 2):
            settings = {"lambda2": 0, "epochs": 2, "epochs_pre": 0, "seed": seed, **more}
            line = arguments(folder / "benchmark", folder, folder / f"{name}-{seed}", **settings)
            assert run(line).returncode == 0
    return folder


def planned(table: Table, row: str, name: str, folder: Path, seeds: tuple[int, ...]) -> list[Planned]:
    (own,) = (each for each in table.rows if each.name == row)
    return [Planned(own, resolve([], []), Job(row, seed, folder / f"{name}-{seed}")) for seed in seeds]


def test_accuracies_are_means_and_differences_those_of_the_pairs(folder: Path) -> None:
    table = published()[9]
    # Of the third seed there is no run.
    runs = planned(table, "Ours w/o ACL, IAL", "base", folder, (1, 2, 3))
    runs += planned(table, "Ours", "ial", folder, (1, 2))
    found = collect(table, runs, folder / "benchmark")
    assert found.keys() == {"Ours w/o ACL, IAL", "Ours"}
    for row, name in (("Ours w/o ACL, IAL", "base"), ("Ours", "ial")):
        told = [Job("", seed, folder / f"{name}-{seed}").results()["last"]["test"]["overall"] for seed in (1, 2)]
        (spread,) = found[row].values[""]
        assert (spread.mean, spread.deviation) == pytest.approx((100 * mean(told), 100 * stdev(told)))
        assert spread.seeds == 2
    assert found["Ours w/o ACL, IAL"].minus_base == {}
    sides = [[read_answers(folder / f"{n}-{s}", split="test", which="last") for s in (1, 2)] for n in ("ial", "base")]
    expected = compare(*sides)[0].found["overall"]
    ((value, low, high),) = found["Ours"].minus_base[""]
    assert value == pytest.approx(100 * expected.value)
    assert (low, high) == pytest.approx([100 * bound for bound in expected.interval])


def test_one_run_has_no_deviation(folder: Path) -> None:
    table = published()[9]
    (spread,) = collect(table, planned(table, "Ours", "ial", folder, (1,)), folder / "benchmark")["Ours"].values[""]
    assert (spread.deviation, spread.seeds) == (None, 1)


def test_what_was_kept_with_other_gammas_is_measured_anew(folder: Path) -> None:
    run_folder = folder / "ial-1"
    assert run(["analyze", str(run_folder), "--gamma", "0.3"]).returncode == 0
    table = published()[12]
    found = collect(table, planned(table, "Ours", "ial", folder, (1,)), folder / "benchmark")["Ours"]
    net, info = load_model(run_folder, which="last")
    split = open_benchmark(folder / "benchmark").splits["test"]
    z = embed_split(net, info, split)
    expected = [100 * filter_ratio(z, torch.from_numpy(split.labels), gamma=gamma) for gamma in (0.05, 0.1, 0.5)]
    assert [spread.mean for spread in found.values[""]] == pytest.approx(expected, abs=0.1)
