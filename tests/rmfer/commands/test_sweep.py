"""`rmfer sweep`: what it refuses before anything starts, and a real one, killed, interrupted and gone on with."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml
from small_benchmarks import ferplus, raf_db
from training_helpers import SETTINGS, events, run, start, write_benchmark

from rmfer.labelled.registry import open_benchmark
from rmfer.runs.process import LOCK
from rmfer.training.presets import resolve
from rmset_builder.shards.checked_parquet import read_checked

FIXED = {**SETTINGS, "lambda2": 0}


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_benchmark(tmp_path_factory.mktemp("benchmark"))


def line(benchmark: Path, out: Path, *words: str, **settings: Any) -> list[str]:
    given = [word for name, value in {**FIXED, **settings}.items() for word in ("--set", f"{name}={value}")]
    return ["sweep", "--benchmark", str(benchmark), "--out", str(out), "--device", "cpu", *words, *given]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--over", "lamda1=1"], "--set lamda1=1: lamda1 is no setting; did you mean lambda1?"),
        (["--over", "mixup_alpha=0,0.2"], "the run mixup_alpha=0.2, seed=42 cannot be: settings: mixup mixes labels"),
        (["--over", "lr=0.1"], "--over lr: lr is given twice"),
        (["--over", "tau=1", "--preset", "nix"], "--preset nix is none of"),
        (["--over", "tau=1", "--rule", "majority"], "--rule is of the test split alone"),
        (["--over", "tau=1", "--select", "test", "--rule", "majority"], "knows no rule majority"),
        (["--over", "pretrain_epochs=0,1", "--rmset", "nowhere"], "nowhere is no folder"),
        (["--over", "tau=1", "--seeds", "1", "2", "1"], "the run tau=1, seed=1 is there twice"),
        ([], "Missing option '--over'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    words: list[str], told: str, benchmark: Path, tmp_path: Path
) -> None:
    done = run(line(benchmark, tmp_path / "out", *words))
    assert done.returncode == 2
    assert told in done.stderr
    assert not (tmp_path / "out").exists()


def test_without_a_validation_split_one_is_asked_for(tmp_path: Path) -> None:
    raf_db(tmp_path / "raf-db")
    words = ("--over", "tau=0.1", "--dry-run")
    assert "has no valid split to select by; hold a part of" in run(line(tmp_path / "raf-db", tmp_path, *words)).stderr
    for more in (["--select", "test"], ["--set", "holdout=0.2"]):
        assert run(line(tmp_path / "raf-db", tmp_path, *words, *more)).returncode == 0


def test_a_plan_names_every_run_and_what_is_there_of_it(tmp_path: Path) -> None:
    ferplus(tmp_path / "ferplus")
    (tmp_path / "out" / "tau=0.1-seed7").mkdir(parents=True)
    (tmp_path / "out" / "tau=0.1-seed7" / "results.json").write_text("{}")
    (tmp_path / "out" / "tau=0.2-seed8").mkdir()
    (tmp_path / "out" / "tau=0.2-seed8" / "log.jsonl").write_text("")
    words = ("--over", "tau=0.1,0.2", "--seeds", "7", "8", "--jobs", "3", "--dry-run")
    done = run(line(tmp_path / "ferplus", tmp_path / "out", *words, "--json", "--select", "test", "--rule", "majority"))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(one["run"], one["settings"], one["seed"], one["state"]) for one in told["runs"]] == [
        ("tau=0.1-seed7", {"tau": 0.1}, 7, "done"),
        ("tau=0.1-seed8", {"tau": 0.1}, 8, "to do"),
        ("tau=0.2-seed7", {"tau": 0.2}, 7, "to do"),
        ("tau=0.2-seed8", {"tau": 0.2}, 8, "begun"),
    ]
    assert (told["devices"], told["at_once"]) == (["cpu"], 3)
    told_so = run(line(tmp_path / "ferplus", tmp_path / "out", *words)).stdout.splitlines()
    assert told_so[0] == f"{tmp_path / 'out' / 'tau=0.1-seed7'}: done"
    assert told_so[-1] == "4 runs, 1 done; 3 at a time on cpu"


def test_runs_with_other_settings_do_not_become_part_of_it(benchmark: Path, tmp_path: Path) -> None:
    column = "ferplus-overall"  # of plain folders
    settings = resolve([column], [f"{name}={value}" for name, value in {**FIXED, "tau": 0.1}.items()]).dump()
    folder = tmp_path / "tau=0.1-seed42"
    folder.mkdir()
    digest = open_benchmark(benchmark).digest

    def told(*, digest: str = digest, shards: str | None = None, **then: Any) -> str:
        kept: dict[str, Any] = {"settings": {**settings, **then}, "benchmark": {"digest": digest}, "shards": shards}
        kept["settings"].pop("zoom")  # as by a version that did not know of it
        (folder / "config.yaml").write_text(yaml.safe_dump(kept))
        done = run(line(benchmark, tmp_path, "--over", "tau=0.1", "--dry-run"))
        assert done.returncode == (2 if done.stderr else 0)
        return done.stderr

    assert told() == ""
    assert f"{folder} holds another run: it differs in lr (then 0.5, now 0.001)" in told(lr=0.5)
    assert "it differs in benchmark (then other, now" in told(digest="other")
    assert "it differs in shards (then /other, now None)" in told(shards="/other")
    assert told(epochs=2, workers=7) == ""
    (folder / "results.json").write_text("{}")
    assert "it differs in epochs (then 2, now 3)" in told(epochs=2, workers=7)
    (folder / "config.yaml").write_text("settings: [")
    assert "config.yaml cannot be read" in run(line(benchmark, tmp_path, "--over", "tau=0.1", "--dry-run")).stderr


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 180
    while not what():
        assert process is None or process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_free(folder: Path) -> bool:
    """Whether nobody trains in a run's folder."""
    with (folder / LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.slow
def test_killed_and_interrupted_it_goes_on_to_the_same_end(benchmark: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    epochs = 40
    words = ("--over", "lambda1=1,0", "--jobs", "2", "--seeds", "3")
    sweep = line(benchmark, out, *words, epochs=epochs)
    folders = [out / "lambda1=1-seed3", out / "lambda1=0-seed3"]

    def steps() -> int:
        return sum(len(events(one, "steps")) if (one / "log.jsonl").exists() else 0 for one in folders)

    # Killed, it cannot tell its runs to stop; they find out and leave a checkpoint all the same. One of them may not
    # have come to its first step by then.
    with start(sweep) as process:
        wait_for(lambda: steps() > 0, process)
        process.kill()
        process.wait()
        wait_for(lambda: all(map(is_free, folders)))
    assert any((one / "last.ckpt").is_file() for one in folders)
    assert not any((one / "results.json").exists() for one in folders)

    before = steps()
    with start(sweep) as process:
        wait_for(lambda: steps() > before, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert all(map(is_free, folders))
    assert "seed 3: goes on on cpu" in err
    assert "note: 2 of 2 runs are not done; the same command goes on with them" in err

    done = run([*sweep, "--json"])
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == json.loads((out / "summary.json").read_text())
    for one in folders:
        # Nobody else wrote to it: each epoch is told of once.
        assert [event["epoch"] for event in events(one, "epoch")] == [*range(epochs)]

    rows = {row["lambda1"]: row for row in read_checked(out / "summary.parquet").to_pylist()}
    for value, folder in zip((1.0, 0.0), folders, strict=True):
        results = json.loads((folder / "results.json").read_text())
        assert rows[value]["run"] == folder.name
        assert rows[value]["last_epoch"] == epochs
        for which in ("last", "best"):
            for split in ("valid", "test"):
                assert rows[value][f"{which}_{split}_average"] == results[which][split]["average"]
        config = yaml.safe_load((folder / "config.yaml").read_text())["settings"]
        assert (config["lambda1"], config["seed"]) == (value, 3)
    means = {point["settings"]["lambda1"]: point["found"]["last_valid_overall"] for point in told["points"]}
    assert means == {value: {"mean": row["last_valid_overall"], "sd": None, "runs": 1} for value, row in rows.items()}
    assert told["best"]["lambda1"] == max(rows, key=lambda value: rows[value]["last_valid_overall"])
    assert (told["unfinished"], told["failed"]) == ([], {})
    pixels = cv2.imread(str(out / "sweep.png"))
    assert pixels is not None
    assert (pixels != 255).any(axis=2).mean() > 0.01

    # What is done stays as it is; it is summed up by what is asked for now.
    weights = [(one / "last.safetensors").stat().st_mtime_ns for one in folders]
    again = run([*sweep, "--select", "test"])
    assert again.returncode == 0, again.stderr
    assert [(one / "last.safetensors").stat().st_mtime_ns for one in folders] == weights
    assert "best by overall accuracy on test, last epoch: lambda1=" in again.stdout
    assert "note: what is best on test is best on it by chance too" in again.stderr
