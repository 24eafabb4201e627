"""Settings and presets: the tables of the paper, laid over one another, and what is wrong with a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmfer.errors import RmferError
from rmfer.settings import TrainConfig, make_config
from rmfer.training.presets import column_of, load_preset, preset_names, resolve

TABLE_8 = {
    # preset: epoch_pre, epoch_total, lr, lambda1, lambda2
    "affectnet-7": (3, 30, 2e-6, 1.0, 1.0),
    "affectnet-8": (3, 30, 2e-6, 0.4, 0.001),
    "raf-db": (10, 500, 1e-4, 0.7, 0.002),
    "ferplus-overall": (20, 100, 1e-4, 1.0, 0.001),
    "ferplus-average": (20, 100, 1e-5, 1.0, 0.1),
}


@pytest.mark.parametrize("name", TABLE_8)
def test_columns_of_table_8(name: str) -> None:
    config = resolve([name], [])
    assert (config.epochs_pre, config.epochs, config.lr, config.lambda1, config.lambda2) == TABLE_8[name]
    assert (config.tau, config.gamma, config.batch_size, config.size) == (0.25, 0.1, 32, 260)
    assert (config.positives, config.negatives, config.sam, config.rho, config.seed) == (50, 50, True, 0.05, 42)
    assert (config.backbone, config.optimizer, config.schedule) == ("tf_efficientnet_b2", "adam", "constant")
    assert config.weight_decay == 0


def test_every_preset_resolves_and_names_its_place_in_the_paper() -> None:
    for name in preset_names():
        assert "Table" in load_preset(name).source or name == "demo"
        assert isinstance(resolve([name], []), TrainConfig)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("base", {"lambda1": 0, "lambda2": 0, "lambda_fer": 1}),
        ("ial", {"lambda1": 1, "lambda2": 0}),
        ("acl-without-ial", {"lambda1": 0, "lambda2": 1}),
        ("ial-without-fer", {"lambda_fer": 0, "lambda1": 1, "lambda2": 0, "evaluate_with": "att"}),
        ("no-self-masking", {"self_masking": False, "lambda1": 1, "lambda2": 1}),
        ("mixup", {"mixup_alpha": 1, "lambda1": 0, "lambda2": 0}),
        ("acl-on-benchmark", {"acl_source": "benchmark"}),
        ("acl-on-celeba", {"acl_source": "celeba"}),
        ("simclr", {"lambda1": 0, "lambda2": 0, "pretrain_epochs": 30}),
        ("resnet50", {"backbone": "resnet50", "size": 224, "sam": False}),
    ],
)
def test_rows_of_the_comparisons(name: str, expected: dict[str, object]) -> None:
    config = resolve([name], [])
    assert {key: getattr(config, key) for key in expected} == expected


def test_presets_lie_over_one_another_and_assignments_over_all() -> None:
    config = resolve(["ferplus-average", "acl-without-ial"], ["lambda2=0.5", "backbone_args.layers=[1, 1, 1, 1]"])
    assert (config.lr, config.lambda1, config.lambda2) == (1e-5, 0, 0.5)
    assert config.backbone_args == {"layers": (1, 1, 1, 1)}


def test_the_benchmarks_column_comes_first_unless_another_is_asked_for() -> None:
    assert column_of("raf-db", 7) == "raf-db"
    assert column_of("celeba", 0) is None
    assert resolve(["ial"], [], column="raf-db").lr == 1e-4
    assert resolve(["affectnet-7"], [], column="raf-db").lr == 2e-6


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("lamda2=1", "did you mean lambda2"),
        ("lambda2", "is not key=value"),
        ("lambda2=much", "lambda2 'much'"),
        ("lambda2=-1", "lambda2 -1"),
        ("lambda2=[", "is not YAML"),
        ("backbone.layers=3", "backbone"),
        ("epochs_pre=31", "epochs_pre 31 is above epochs 30"),
        ("lambda_fer=0", "evaluate_with=att"),
        ("mixup_alpha=1", "lambda1=0"),
        ("classes=6", "classes 6"),
        ("tau=nan", "tau"),
    ],
)
def test_a_wrong_setting_is_named(assignment: str, told: str) -> None:
    with pytest.raises(RmferError, match=told.replace("[", r"\[")):
        resolve([], [assignment])


def test_a_wrong_preset_is_named_with_the_nearest() -> None:
    with pytest.raises(RmferError, match="did you mean ferplus-average"):
        resolve(["ferplus-averag"], [])


def test_all_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(RmferError, match=r"tau.*gamma|gamma.*tau"):
        make_config({"tau": 0, "gamma": 2})


@pytest.mark.parametrize("settings", ["1: 2", "null: 2", "backbone_args: {1: 2}"])
def test_a_setting_whose_name_is_no_text_is_told(settings: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"source: me\nsettings: {{{settings}}}\n")
    with pytest.raises(RmferError, match=r"settings: .*string"):
        resolve([str(path)], [])
