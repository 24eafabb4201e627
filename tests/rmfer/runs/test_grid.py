"""The grid of a sweep: which runs it has, what they are called, and what it refuses."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import yaml

from rmfer.errors import RmferError
from rmfer.runs.grid import Point, as_yaml, parse_axis, points, values_of
from rmfer.training.presets import resolve


def grid(*over: str, seeds: Sequence[int] = (42,), assignments: Sequence[str] = ()) -> list[Point]:
    return points([parse_axis(text) for text in over], seeds, assignments=assignments)


def test_every_combination_is_trained_with_every_seed() -> None:
    found = grid("lambda1=0.1,0.2,0.3", "tau=0.1,0.25", seeds=(42, 43))
    assert [(point.config.lambda1, point.config.tau, point.config.seed) for point in found] == [
        *itertools.product((0.1, 0.2, 0.3), (0.1, 0.25), (42, 43))
    ]
    assert found[0].name == "lambda1=0.1,tau=0.1-seed42"
    assert found[-1].title == "lambda1=0.3, tau=0.25"
    assert len({point.name for point in found}) == 12


def test_what_train_is_told_makes_the_same_settings() -> None:
    over = (
        "lr=1e-4,3e-5",
        "weights=none,'null',runs/A b.safetensors",
        "acl_options={p: 0.5},{p: 1e-5}",
        "workers=null,2",
    )
    for point in grid(*over, assignments=("lambda2=0.5",)):
        assert resolve((), ("lambda2=0.5", *point.assignments)) == point.config
        assert point.config.lambda2 == 0.5


@pytest.mark.parametrize("value", [1, 0.5, 1e-7, True, None, "none", "null", "1", "a, b", "a: b", [1, [2]], {"a": "é"}])
def test_a_value_is_the_same_after_its_way_through_yaml(value: object) -> None:
    assert yaml.safe_load(as_yaml(value)) == value
    assert "\n" not in as_yaml(value)


def test_a_setting_may_be_a_list_or_a_part_of_one() -> None:
    found = grid("backbone_args.layers=[1, 1, 1, 1],[2, 2, 2, 2]", "backbone=test_resnet")
    assert [point.config.backbone_args for point in found] == [{"layers": (1, 1, 1, 1)}, {"layers": (2, 2, 2, 2)}]
    assert [point.settings["backbone_args.layers"] for point in found] == [[1, 1, 1, 1], [2, 2, 2, 2]]
    assert found[0].name.startswith("backbone_args.layers=1-1-1-1,backbone=test_resnet-")


def test_names_are_safe_and_nobody_elses() -> None:
    # Alike but for what a folder's name cannot hold, or what some file systems take for the same.
    weights = (
        "A.pt,a.pt,a/.pt,a:.pt,a-.pt,'null','-1','1','a,b','a=b','a%40/..','" + "x" * 300 + "','" + "x" * 301 + "'"
    )
    names = [point.name for point in grid(f"weights={weights}", "epochs=5,6", seeds=(1, 11))]
    assert len({name.casefold() for name in names}) == len(names) == 13 * 4
    for name in names:
        assert len(name.encode()) < 200
        assert not set(name) & set("/\\:*?\"<>|% '\n")
        assert not name.startswith((".", "-"))
    signs = grid("acl_options.p=1,-1,[1],[-1],'1',true,null")
    assert len({point.name for point in signs}) == 7


def test_values_are_told_in_their_order() -> None:
    found = values_of(grid("tau=1,0.1,1e-2", "optimizer=sgd,adam", "sam=true,false"))
    assert found == {"tau": [0.01, 0.1, 1.0], "optimizer": ["sgd", "adam"], "sam": [True, False]}


def test_the_column_of_the_benchmark_lies_below() -> None:
    axes = [parse_axis("classes=7,8"), parse_axis("tau=0.1,0.2")]
    columns = {7: "affectnet-7", 8: "affectnet-8"}
    found = points(axes, [42], column=lambda classes: columns[classes or 8])
    for point in found:
        assert point.config == resolve([columns[point.settings["classes"]]], point.assignments)


@pytest.mark.parametrize(
    ("over", "told"),
    [
        (["lamda1=0.1"], "lamda1 is no setting; did you mean lambda1?"),
        (["lambda1=a"], "lambda1 'a': Input should be a valid number"),
        (["lambda1=0.1,0.10"], "the run lambda1=0.1, seed=42 is there twice"),
        (["lambda1="], "--over lambda1= is not NAME=VALUE,VALUE"),
        (["lambda1"], "--over lambda1 is not NAME=VALUE,VALUE"),
        (["=1"], "--over =1 is not NAME=VALUE,VALUE"),
        (["tau=0.1,,2"], "--over tau=0.1,,2: the values are not YAML"),
        (["tau=1]"], "--over tau=1]: the values are not YAML"),
        (["epochs=4,1", "epochs_pre=3"], "the run epochs=1, epochs_pre=3, seed=42 cannot be: settings: epochs_pre 3"),
        (["lambda1=0,1", "lambda_fer=0"], "lambda_fer and lambda1 are both 0"),
        (["seed=1,2"], "--seeds 42 43 44"),
        (["tau=1", "tau=2"], "--over tau: tau is given twice"),
        (["backbone_args.x=1", "backbone_args={}"], "--over backbone_args.x: backbone_args.x and backbone_args are"),
        (["rho=0.1,0.2"], "--over rho: rho is given twice"),
    ],
)
def test_what_cannot_be_is_named(over: list[str], told: str) -> None:
    with pytest.raises(RmferError) as refused:
        grid(*over, assignments=("rho=0.05",))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
