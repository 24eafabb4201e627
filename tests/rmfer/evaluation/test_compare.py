"""Runs against runs: the differences of accuracies, their intervals, and the command."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from training_helpers import run, write_benchmark

from rmfer.evaluation import average_accuracy, confusion_matrix, overall_accuracy
from rmfer.evaluation.paired import MEASURES, differences, mcnemar
from rmfer.labelled import open_benchmark
from rmfer.labels import class_names


def answers(seed: int, runs: int, images: int, right: float) -> np.ndarray:
    return np.random.default_rng(seed).random((runs, images)) < right


def test_measures_of_drawn_images_are_those_of_their_confusion_matrix() -> None:
    numbers = np.random.default_rng(1)
    labels = numbers.integers(0, 3, 40)
    correct = answers(2, 2, 40, 0.6)
    guesses = np.where(correct, labels, (labels + 1) % 3)
    classes = np.eye(3)[:, labels]
    # The second draw lacks a class, which its average leaves out.
    drawn = [numbers.integers(0, 40, 40), numbers.choice(np.flatnonzero(labels), 40)]
    images = np.stack([np.bincount(draw, minlength=40) for draw in drawn]).astype(float)
    for name, accuracy in (("overall", overall_accuracy), ("average", average_accuracy)):
        found = MEASURES[name](correct, classes, images)
        for own, guess in zip(found, guesses, strict=True):
            expected = [accuracy(confusion_matrix(labels[draw], guess[draw], classes=3)) for draw in drawn]
            np.testing.assert_allclose(own, expected, atol=1e-12)


def test_intervals_are_those_of_a_plain_bootstrap() -> None:
    labels = np.repeat([0, 1], [60, 20])
    ours, theirs = answers(3, 4, 80, 0.8), answers(4, 4, 80, 0.6)
    found = differences(ours, theirs, labels, in_pairs=True)["overall"]
    assert found.value == pytest.approx(ours.mean() - theirs.mean())
    numbers = np.random.default_rng(5)
    plain = []
    for _ in range(20_000):
        seeds, images = numbers.integers(0, 4, 4), numbers.integers(0, 80, 80)
        plain.append(ours[np.ix_(seeds, images)].mean() - theirs[np.ix_(seeds, images)].mean())
    np.testing.assert_allclose(found.interval, np.quantile(plain, [0.025, 0.975]), atol=0.008)


def test_many_alike_images_give_the_average_that_drawing_each_of_them_gives() -> None:
    labels = np.repeat([0, 1], [60, 20])
    ours, theirs = answers(6, 1, 80, 0.8), answers(7, 1, 80, 0.6)
    found = differences(ours, theirs, labels, in_pairs=True)["average"]
    recalls = [[side[0][labels == label].mean() for label in (0, 1)] for side in (ours, theirs)]
    assert (found.ours, found.theirs) == pytest.approx(tuple(map(np.mean, recalls)))
    numbers = np.random.default_rng(8)
    plain = []
    for _ in range(20_000):
        images = numbers.integers(0, 80, 80)
        gained, drawn = (ours[0].astype(float) - theirs[0])[images], labels[images]
        plain.append(np.mean([gained[drawn == label].mean() for label in (0, 1)]))
    np.testing.assert_allclose(found.interval, np.quantile(plain, [0.025, 0.975]), atol=0.008)


def test_what_both_sides_share_falls_out_in_pairs_alone() -> None:
    # Runs that differ much from seed to seed, and by one image from their partners.
    theirs = np.stack([np.arange(200) < 100 + 20 * seed for seed in range(5)])
    ours = theirs.copy()
    ours[:, 199] = True
    labels = np.zeros(200, np.int64)
    narrow = differences(ours, theirs, labels, in_pairs=True)["overall"].interval
    wide = differences(ours, theirs, labels, in_pairs=False)["overall"].interval
    assert 0 <= narrow.low < narrow.high < 0.02
    assert wide.low < -0.05 and wide.high > 0.05


@pytest.mark.parametrize(("ours", "theirs", "p"), [(10, 2, 2 * 79 / 4096), (3, 3, 1.0), (0, 0, 1.0), (0, 8, 2 / 256)])
def test_mcnemar_is_exact(ours: int, theirs: int, p: float) -> None:
    one = np.repeat([True, False, True, False], [ours, theirs, 5, 6])
    other = np.repeat([False, True, True, False], [ours, theirs, 5, 6])
    assert mcnemar(one, other) == (ours, theirs, pytest.approx(p))


def write_run(folder: Path, correct: np.ndarray, labels: np.ndarray, *, seed: int, benchmark: Path, kind: str) -> Path:
    """What a run leaves behind that knows the first so many images."""
    names = class_names(7)
    probabilities = np.full((len(labels), 7), 0.05)
    probabilities[np.arange(len(labels)), np.where(correct, labels, (labels + 1) % 7)] = 0.7
    split = open_benchmark(benchmark).splits["test"]
    columns = {"image": [split.images.key_of(number) for number in split.items.tolist()], "label": labels}
    columns |= {
        "argmax": np.ones(len(labels), np.bool_),
        "majority": np.arange(len(labels)) % 2 == 0,
        **dict(zip(names, probabilities.T, strict=True)),
    }
    (folder / "evaluation").mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "evaluation" / f"{kind}-test-last.parquet")
    told = {"settings": {"seed": seed}, "benchmark": {"path": str(benchmark)}}
    (folder / "config.yaml").write_text(yaml.safe_dump(told))
    return folder


def test_the_command_tells_all_and_each_part(tmp_path: Path) -> None:
    benchmark = write_benchmark(tmp_path / "set", test=4)
    twice = next((benchmark / "train" / "anger").iterdir())
    shutil.copy(twice, benchmark / "test" / "anger" / "000.png")
    labels = open_benchmark(benchmark).splits["test"].labels
    sides = {}
    for side, right in (("ours", 0.9), ("theirs", 0.5)):
        sides[side] = [
            str(write_run(tmp_path / f"{side}-{seed}", own[0], labels, seed=seed, benchmark=benchmark, kind="folders"))
            for seed in (1, 2)
            for own in [answers(seed + 10 * len(side), 1, len(labels), right)]
        ]
    line = ["compare", *sides["ours"], "--which", "last", "--against", *reversed(sides["theirs"]), "--json"]
    done = run(line)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["comparisons"]
    split = open_benchmark(benchmark).splits["test"]
    copy = [split.images.key_of(number) for number in split.items.tolist()].index("test/anger/000.png")
    assert [(one["which"], one["images"]) for one in told] == [
        ("by argmax", 28),
        ("by argmax, not in training", 27),
        ("by majority", 14),
        ("by majority, not in training", 13 if copy % 2 == 0 else 14),
    ]
    assert told[0]["overall"]["difference"] > 0.2
    assert told[0]["overall"]["low"] < told[0]["overall"]["difference"] < told[0]["overall"]["high"]
    assert [test["seed"] for test in told[0]["mcnemar"]] == [1, 2]
    assert all(math.isfinite(one["average"]["low"]) for one in told)

    done = run([*line[:-1], "--which", "last"])
    assert "28 images (by argmax)\n" in done.stdout and "pairs of runs" in done.stdout
    alone = run(["compare", *sides["ours"], "--which", "last", "--against", sides["theirs"][0]])
    assert alone.returncode == 0 and "McNemar" not in alone.stdout
    missing = run(["compare", str(tmp_path), "--against", sides["theirs"][0]])
    assert missing.returncode == 2 and "rmfer evaluate" in missing.stderr
