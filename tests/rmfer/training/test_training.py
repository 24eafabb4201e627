"""Whole runs of ``rmfer train``: what they leave, how they go on, and what they say when they cannot."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from small_benchmarks import celeba, raf_db, zip_of
from training_helpers import arguments, events, run, run_process, seen, start, took_the_same_steps, write_benchmark


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_benchmark(tmp_path_factory.mktemp("benchmark"))


@pytest.fixture
def shards(make_shards: Callable[..., list[Path]], tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    make_shards(folder, "wall", seen(), size=32)
    return folder


def same_weights(a: Path, b: Path) -> bool:
    first, second = load_file(a), load_file(b)
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_a_run_learns_and_leaves_what_it_promises(benchmark: Path, shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = run(arguments(benchmark, shards, out, epochs=6))
    assert done.returncode == 0, done.stderr

    losses = [line["fer"] for line in events(out, "steps")]
    half = len(losses) // 2
    assert sum(losses[half:]) < 0.95 * sum(losses[:half])
    assert events(out, "epoch")[-1]["average"] > 2 / 7
    acl = {line["epoch"]: line["acl"] for line in events(out, "steps")}
    assert acl[0] == 0
    assert all(acl[epoch] > 0 for epoch in range(1, 6))
    assert [line["epoch"] for line in events(out, "epoch")] == [0, 1, 2, 3, 4, 5]
    # Six positives are of the three other people of the shards; P_imp are two of them.
    counted = [line for line in events(out, "epoch") if "people_p" in line]
    assert [line["epoch"] for line in counted] == [1, 2, 3, 4, 5]
    assert all(1 < line["people_p"] <= 3 and 1 <= line["people_p_imp"] <= 2 for line in counted)
    assert ", P of " in done.stderr and " % of sets)" in done.stderr

    told = yaml.safe_load((out / "config.yaml").read_text())
    assert told["settings"]["backbone"] == "test_resnet"
    assert told["benchmark"]["pictures"] == {"train": 56, "valid": 21, "test": 21}
    results = json.loads((out / "results.json").read_text())
    for which in ("last", "best"):
        assert set(results[which]) >= {"epoch", "valid", "test"}
        assert 0 <= results[which]["test"]["average"] <= 1
    best = max(events(out, "epoch"), key=lambda line: line["average"])
    assert results["best"]["valid"]["average"] == best["average"]
    card = (out / "MODEL_CARD.md").read_text()
    assert "# RMFER, test_resnet" in card
    assert f"{100 * results['best']['test']['average']:.1f}" in card
    assert any((out / "tensorboard").iterdir())

    again = run(arguments(benchmark, shards, out, epochs=6))
    assert again.returncode == 2
    assert "--resume" in again.stderr


OURS = {"ema": 0.8, "flip": 0.5, "rotate": 10, "zoom": 0.1, "shift": 2, "validate_every": 2, "lr": 0.01} | {
    "optimizer": "sgd",
    "nesterov": True,
}


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {**OURS, "schedule": "onecycle"}])
def test_killed_at_any_moment_it_goes_on_bit_for_bit(
    benchmark: Path, shards: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    line = {"checkpoint_minutes": 0.0001, "epochs": 3, **settings}
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert run(arguments(benchmark, shards, whole, **line)).returncode == 0

    steps = len(events(whole, "steps"))
    for kill_after in (2, steps - 3):
        resume = ["--resume"] if stopped.exists() else []
        with start([*arguments(benchmark, shards, stopped, **line), *resume]) as process:
            deadline = time.monotonic() + 120
            while not (stopped / "log.jsonl").exists() or len(events(stopped, "steps")) < kill_after:
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.005)
            process.kill()
            process.wait()
    done = run([*arguments(benchmark, shards, stopped, **line), "--resume"])
    assert done.returncode == 0, done.stderr

    for which in ("last", "best"):
        assert same_weights(whole / f"{which}.safetensors", stopped / f"{which}.safetensors")
    for event in ("steps", "epoch"):
        assert events(whole, event) == events(stopped, event)


def test_averaged_weights_are_kept_and_go_on(benchmark: Path, shards: Path, tmp_path: Path) -> None:
    whole, stopped, plain = tmp_path / "whole", tmp_path / "stopped", tmp_path / "plain"
    assert run(arguments(benchmark, shards, whole, epochs=5, **OURS)).returncode == 0
    assert run(arguments(benchmark, shards, stopped, epochs=3, **OURS)).returncode == 0
    done = run([*arguments(benchmark, shards, stopped, epochs=5, **OURS), "--resume"])
    assert done.returncode == 0, done.stderr
    assert same_weights(whole / "last.safetensors", stopped / "last.safetensors")
    # All have a line, every other one figures, and so has the last.
    assert ["average" in line for line in events(whole, "epoch")] == [False, True, False, True, True]

    # The averaged are other weights than those that the same steps lead to.
    assert run(arguments(benchmark, shards, plain, epochs=5, **OURS | {"ema": 0})).returncode == 0
    assert not same_weights(whole / "last.safetensors", plain / "last.safetensors")
    state = torch.load(plain / "last.ckpt", weights_only=True)["net"]
    averaged = torch.load(whole / "last.ckpt", weights_only=True)
    assert all(torch.equal(averaged["net"][name], value) for name, value in state.items())
    kept = load_file(whole / "last.safetensors")
    assert all(torch.equal(averaged["averaged"]["net"][name], value) for name, value in kept.items())


def test_a_run_starts_from_another_without_what_that_did_not_train(
    benchmark: Path, shards: Path, tmp_path: Path
) -> None:
    base, ial = tmp_path / "base", tmp_path / "ial"
    assert run(arguments(benchmark, shards, base, lambda1=0, lambda2=0, epochs=1, epochs_pre=0)).returncode == 0
    kept = load_file(base / "best.safetensors")
    assert {name.partition(".")[0] for name in kept} == {"backbone", "head_main"}
    done = run(arguments(benchmark, shards, ial, weights=str(base), lr=1e-12, lambda2=0, epochs=1, epochs_pre=0))
    assert done.returncode == 0, done.stderr
    assert "begun at random: projection" in done.stderr
    found = load_file(ial / "last.safetensors")
    for name in ("weight", "bias"):
        torch.testing.assert_close(found[f"head_att.{name}"], kept[f"head_main.{name}"], atol=1e-6, rtol=0)
        torch.testing.assert_close(found[f"head_main.{name}"], kept[f"head_main.{name}"], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("grey", "colour", "expected"),
    [(True, "benchmark", True), (False, "benchmark", False), (True, "colour", False), (False, "grey", True)],
)
def test_shards_follow_the_benchmark_s_colour(
    shards: Path, tmp_path: Path, grey: bool, colour: str, expected: bool
) -> None:
    benchmark = write_benchmark(tmp_path / "set", grey=grey)
    done = run([*arguments(benchmark, shards, tmp_path / "run", shard_colour=colour), "--dry-run"])
    assert yaml.safe_load(done.stdout)["shards_grey"] is expected


@pytest.mark.slow
def test_ctrl_c_ends_after_the_step_and_resume_goes_on(benchmark: Path, shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with start(arguments(benchmark, shards, out, epochs=200)) as process:
        deadline = time.monotonic() + 120
        while not (out / "log.jsonl").exists() or len(events(out, "steps")) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert (out / "last.ckpt").is_file()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lambda1": 0.5}, "lambda1 (then 1.0, now 0.5)"),
        ({"seed": 1}, "seed (then 42, now 1)"),
    ],
)
def test_resume_refuses_other_settings(
    benchmark: Path, shards: Path, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    out = tmp_path / "run"
    assert run(arguments(benchmark, shards, out, epochs=1, lambda2=0)).returncode == 0
    done = run([*arguments(benchmark, shards, out, epochs=2, **{"lambda2": 0, **change}), "--resume"])
    assert done.returncode == 2
    assert told in done.stderr


def test_resume_with_eight_classes_instead_of_seven(shards: Path, tmp_path: Path) -> None:
    benchmark = write_benchmark(tmp_path / "eight", classes=8)
    out = tmp_path / "run"
    line = arguments(benchmark, shards, out, epochs=1, lambda2=0, classes=7)
    assert run(line).returncode == 0
    done = run([*arguments(benchmark, shards, out, epochs=2, lambda2=0, classes=8), "--resume"])
    assert done.returncode == 2
    assert "classes (then 7, now 8)" in done.stderr


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(benchmark: Path, shards: Path, tmp_path: Path) -> None:
    # Without batch-norm, whose statistics processes on a CPU cannot share.
    settings = {"backbone": "test_convnext", "anchors_per_step": 2, "epochs": 2, "lambda2": 0.5}
    one, two = tmp_path / "one", tmp_path / "two"
    assert run(arguments(benchmark, shards, one, **settings)).returncode == 0
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "rmfer")
    done = run_process(arguments(benchmark, shards, two, **settings), *launcher)
    assert done.returncode == 0, done.stderr
    took_the_same_steps(one, two)


def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_checkpoint(
    benchmark: Path, shards: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = run(arguments(benchmark, shards, out, lr=1e30, sam=False))
    assert done.returncode == 2
    assert "at step 1 of epoch 1" in done.stderr or "at step 2 of epoch 1" in done.stderr
    assert "no longer a finite number" in done.stderr
    assert "smaller learning rate" in done.stderr
    if (out / "last.ckpt").exists():
        state = torch.load(out / "last.ckpt", weights_only=True)
        assert all(value.isfinite().all() for value in state["net"].values())


def test_too_few_faces_for_a_set_is_told(
    benchmark: Path, make_shards: Callable[..., list[Path]], tmp_path: Path
) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    make_shards(folder, "alone", [(frame, 0, 0) for frame in range(50)], size=32)
    done = run(arguments(benchmark, folder, tmp_path / "run"))
    assert done.returncode == 2
    assert "anchor set" in done.stderr


def test_no_shards_is_told_with_ways_out(benchmark: Path, tmp_path: Path) -> None:
    done = run(arguments(benchmark, tmp_path / "nowhere", tmp_path / "run"))
    assert done.returncode == 2
    assert "--preset ial" in done.stderr
    assert not (tmp_path / "run").exists()


def test_sets_of_the_labelled_pictures_themselves(benchmark: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    line = arguments(benchmark, tmp_path / "none", out, acl_source="benchmark", epochs=2, holdout=0)
    done = run(line)
    assert done.returncode == 0, done.stderr
    assert events(out, "steps")[-1]["acl"] > 0


def test_sets_of_celeba(benchmark: Path, tmp_path: Path) -> None:
    celeba(tmp_path / "celeba")
    out = tmp_path / "run"
    few = {"positives": 3, "negatives": 3, "epochs": 1, "epochs_pre": 0, "acl_source": "celeba"}
    done = run(arguments(benchmark, tmp_path / "none", out, celeba=str(tmp_path / "celeba"), **few))
    assert done.returncode == 0, done.stderr
    assert events(out, "steps")[-1]["acl"] > 0

    done = run(arguments(benchmark, tmp_path / "none", tmp_path / "other", **few))
    assert done.returncode == 2
    assert "--set celeba=" in done.stderr


def test_a_benchmark_of_the_paper_in_its_zip_takes_its_column_of_table_8(tmp_path: Path) -> None:
    raf_db(tmp_path / "raf")
    whole = zip_of(tmp_path / "raf", tmp_path / "raf.zip")
    line = arguments(whole, tmp_path / "none", tmp_path / "run", epochs=1, epochs_pre=0, lambda2=0, holdout=0.3)
    shown = run([*line, "--dry-run"])
    settings = yaml.safe_load(shown.stdout)["settings"]
    assert (settings["classes"], settings["lambda1"], settings["tau"]) == (7, 0.7, 0.25)
    assert not (tmp_path / "run").exists()
    done = run(line)
    assert done.returncode == 0, done.stderr
    assert "test overall" in done.stdout


def test_a_picture_that_does_not_decode_is_named(benchmark: Path, shards: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(benchmark, broken)
    picture = next((broken / "train" / "anger").iterdir())
    picture.write_bytes(picture.read_bytes()[:60])
    done = run(arguments(broken, shards, tmp_path / "run"))
    assert done.returncode == 2
    assert picture.name in done.stderr


def test_a_class_without_a_picture_is_named(benchmark: Path, shards: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(benchmark, broken)
    shutil.rmtree(broken / "train" / "fear")
    done = run(arguments(broken, shards, tmp_path / "run"))
    assert done.returncode == 2
    assert "fear" in done.stderr


def test_simclr_first_then_fine_tuning(benchmark: Path, shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    line = arguments(
        benchmark, shards, out, lambda1=0, lambda2=0, epochs=1, epochs_pre=0, pretrain_epochs=2, pretrain_batch=16
    )
    done = run([*line, "--set", "deterministic=true", "--set", "shift=2"])
    torch.use_deterministic_algorithms(False)
    assert done.returncode == 0, done.stderr
    assert "SimCLR, epoch 2 of 2" in done.stderr
    assert (out / "results.json").is_file()
