"""The summary of a sweep: rows, means and deviations, from results as `rmfer train` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rmfer.runs.grid import Point, parse_axis, points
from rmfer.runs.summary import Measure, best_by, by_point, means_as_json, row_of, write_summary
from rmset_builder.shards.checked_parquet import read_checked

# Validation and test, overall, in per cent, of each seed; what else there is follows from them.
FOUND = {0.1: {42: (70, 60), 43: (72, 64), 44: (77, 68)}, 0.2: {42: (75, 50), 43: (74, 51)}}
MEASURE = Measure("last", "valid", "overall")


def results(valid: float, test: float) -> dict[str, Any]:
    """Of a benchmark with two rules; the best epoch is 0.01 better in all."""

    def of(better: float) -> dict[str, Any]:
        return {
            "epoch": 3 if better else 5,
            "valid": {"overall": valid / 100 + better, "average": valid / 200 + better},
            "test": {"rule": "argmax", "overall": test / 100 + better, "average": test / 200 + better, "images": 9},
            "test-majority": {"rule": "majority", "overall": test / 100 + 0.1, "average": test / 200 + 0.1},
        }

    return {"last": of(0.0), "best": of(0.01)}


@pytest.fixture
def grid() -> list[Point]:
    return points([parse_axis("lambda1=0.1,0.2,0.3"), parse_axis("backbone_args.layers=[1, 1]")], [42, 43, 44])


@pytest.fixture
def rows(grid: list[Point]) -> list[dict[str, Any]]:
    done = [point for point in grid if point.seed in FOUND.get(point.settings["lambda1"], {})]
    return [row_of(point, results(*FOUND[point.settings["lambda1"]][point.seed])) for point in done]


def test_a_row_has_what_the_run_found(grid: list[Point]) -> None:
    assert row_of(grid[1], results(72, 64)) == {
        "run": grid[1].name,
        "lambda1": 0.1,
        "backbone_args.layers": [1, 1],
        "seed": 43,
        "last_epoch": 5,
        "last_valid_overall": 0.72,
        "last_valid_average": 0.36,
        "last_test_argmax_overall": 0.64,
        "last_test_argmax_average": 0.32,
        "last_test_majority_overall": pytest.approx(0.74),
        "last_test_majority_average": pytest.approx(0.42),
        "best_epoch": 3,
        "best_valid_overall": pytest.approx(0.73),
        "best_valid_average": pytest.approx(0.37),
        "best_test_argmax_overall": pytest.approx(0.65),
        "best_test_argmax_average": pytest.approx(0.33),
        "best_test_majority_overall": pytest.approx(0.74),
        "best_test_majority_average": pytest.approx(0.42),
    }


def test_means_and_deviations_are_over_the_seeds(grid: list[Point], rows: list[dict[str, Any]]) -> None:
    first, second = by_point(grid, list(reversed(rows)))
    assert (first.title, first.seeds) == ("lambda1=0.1, backbone_args.layers=[1, 1]", (42, 43, 44))
    # 70, 72, 77: mean 73, squares of the differences 9 + 1 + 16, over two degrees of freedom.
    assert first.spread("last_valid_overall") == pytest.approx((0.73, 13**0.5 / 100, 3))
    assert first.spread("best_test_argmax_overall") == pytest.approx((0.65, 0.04, 3))
    assert second.spread("last_test_majority_overall") == pytest.approx((0.605, 0.5**0.5 / 100, 2))
    assert second.spread("last_test_overall") is None

    alone = by_point(grid, rows[:1])[0].spread("last_valid_overall")
    assert alone is not None
    assert (alone.mean, alone.sd, alone.runs) == (0.7, None, 1)


def test_the_best_is_by_the_measure_that_was_asked_for(grid: list[Point], rows: list[dict[str, Any]]) -> None:
    finished = by_point(grid, rows)
    best = {
        split: best_by(finished, Measure("last", split, "overall", rule))
        for split, rule in (("valid", None), ("test", "argmax"))
    }
    assert best["valid"] is finished[1]
    assert best["test"] is finished[0]
    assert best_by(finished, Measure("last", "test", "overall")) is None


def test_a_benchmark_without_validation_or_rules_has_fewer_columns(grid: list[Point]) -> None:
    one = {"epoch": 2, "valid": {}, "test": {"overall": 0.5, "average": 0.25}}
    row = row_of(grid[0], {"last": one, "best": one})
    assert [name for name in row if name.startswith("last")] == ["last_epoch", "last_test_overall", "last_test_average"]


def test_both_files_say_what_was_found(grid: list[Point], rows: list[dict[str, Any]], tmp_path: Path) -> None:
    told = {"points": means_as_json(by_point(grid, rows))}
    write_summary(tmp_path, rows, list(grid[0].settings), told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["summary.json", "summary.parquet"]

    table = read_checked(tmp_path / "summary.parquet").to_pylist()
    assert [row["run"] for row in table] == [row["run"] for row in rows]
    assert [row["lambda1"] for row in table] == [0.1, 0.1, 0.1, 0.2, 0.2]
    assert {row["backbone_args.layers"] for row in table} == {"[1, 1]"}
    assert [row["last_valid_overall"] for row in table] == [0.70, 0.72, 0.77, 0.75, 0.74]

    read = json.loads((tmp_path / "summary.json").read_text())
    assert read == told
    assert read["points"][0]["settings"] == {"lambda1": 0.1, "backbone_args.layers": [1, 1]}
    assert read["points"][0]["found"]["last_valid_overall"] == {
        "mean": pytest.approx(0.73),
        "sd": pytest.approx(13**0.5 / 100),
        "runs": 3,
    }
    assert by_point(grid, []) == []


def test_a_setting_of_several_kinds_is_text(tmp_path: Path) -> None:
    every = points([parse_axis("acl_options.p=null,0.5,[1]")], [42])
    write_summary(tmp_path, [row_of(point, results(1, 2)) for point in every], ["acl_options.p"], {})
    assert read_checked(tmp_path / "summary.parquet")["acl_options.p"].to_pylist() == ["null", "0.5", "[1]"]
