"""Which runs a table needs: with which settings, and when two are one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_benchmarks import affectnet_csv, ferplus, raf_db
from training_helpers import seen

from rmfer.labelled.registry import open_benchmark
from rmfer.paper.plan import Data, Planned, plan_runs
from rmfer.paper.published import published
from rmfer.paper.show import NOT_COMPARABLE, show_runs
from rmfer.training.presets import column_of, resolve


@pytest.fixture
def data(tmp_path: Path, make_shards: Callable[..., list[Path]]) -> Data:
    ferplus(tmp_path / "ferplus")
    (tmp_path / "shards").mkdir()
    make_shards(tmp_path / "shards", "wall", seen())
    return Data(open_benchmark(tmp_path / "ferplus"), tmp_path / "shards")


def plan(number: int, data: Data, *changes: str, seeds: tuple[int, ...] = (42,), quick: bool = False) -> list[Planned]:
    return plan_runs(published()[number], data, Path("runs"), seeds=seeds, quick=quick, changes=changes)


def folders(number: int, data: Data, *changes: str, **options: bool) -> dict[str, Path]:
    return {one.row.name: one.job.folder for one in plan(number, data, *changes, **options)}


def test_tables_share_the_runs_that_are_the_same(data: Data) -> None:
    fourth, ninth, thirteenth = (folders(number, data) for number in (4, 9, 13))
    for name in ("Ours w/o ACL, IAL", "Ours"):
        assert fourth[name] == ninth[name]
    assert fourth["Ours"] == thirteenth["Ours"]
    assert folders(6, data)["tau 0.25"] == fourth["Ours w/o ACL"]
    assert len(set(fourth.values())) == len(fourth) == 5  # all but CelebA's


def test_another_seed_setting_or_scale_is_another_run(data: Data) -> None:
    ours = folders(9, data)["Ours"]
    others = [folders(9, data, "tau=0.5")["Ours"], folders(9, data, quick=True)["Ours"]]
    others += [one.job.folder for one in plan(9, data, seeds=(43,)) if one.row.name == "Ours"]
    assert len({ours, *others}) == 4
    assert len(plan(9, data, seeds=(42, 42))) == len(plan(9, data))
    # How many threads decode changes no figure.
    assert folders(9, data, "workers=1")["Ours"] == ours


def test_a_run_is_of_the_shards_contents_wherever_they_lie(
    data: Data, tmp_path: Path, make_shards: Callable[..., list[Path]]
) -> None:
    ours, base = (folders(9, data)[name] for name in ("Ours", "Ours w/o ACL, IAL"))
    moved = replace(data, shards=tmp_path / "moved")
    shutil.copytree(data.shards, moved.shards)
    assert folders(9, moved)["Ours"] == ours
    make_shards(moved.shards, "another", seen())
    grown = folders(9, replace(moved))
    assert grown["Ours"] != ours
    assert grown["Ours w/o ACL, IAL"] == base  # which reads no shards


def test_of_affectnet_seven_expressions_are_trained(data: Data, tmp_path: Path) -> None:
    affectnet_csv(tmp_path / "affectnet")
    affectnet = replace(data, benchmark=open_benchmark(tmp_path / "affectnet"))
    assert affectnet.benchmark.classes == 8
    (ours,) = (one for one in plan(9, affectnet) if one.row.name == "Ours")
    expected = resolve(["affectnet-7"], ["attention_batches=32"])
    assert ours.config == expected
    # `rmfer train` comes to the same: it takes the column of what it is told to train.
    words = [text for word, text in zip(ours.job.arguments, ours.job.arguments[1:], strict=False) if word == "--set"]
    assert resolve([], words, column=column_of("affectnet-csv", 7)) == expected


@pytest.mark.parametrize(
    ("write", "comparable"), [(affectnet_csv, {3, 4, 6, 7, 9, 11, 12, 13, 14}), (raf_db, {5, 11}), (ferplus, set())]
)
def test_figures_of_other_data_are_marked(
    write: Callable[[Path], object], comparable: set[int], data: Data, tmp_path: Path
) -> None:
    write(tmp_path / "other")
    other = replace(data, benchmark=open_benchmark(tmp_path / "other"))
    for number, table in published().items():
        if table.measures:
            shown = show_runs(table, {}, [], other, quick=False)
            marked = {NOT_COMPARABLE in lines[0].source for _, lines in shown.rows}
            assert marked == {number not in comparable}, number
            assert any("other data" in note for note in shown.notes) == (number not in comparable)
