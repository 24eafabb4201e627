"""FERPlus's two rules, from the reader to a run's results."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import small_benchmarks
from training_helpers import arguments, events, run

from rmfer.labelled import open_benchmark


@pytest.fixture
def ferplus(tmp_path: Path) -> Path:
    """All but the first picture of each class have a majority; the first has a tie."""
    folder = tmp_path / "ferplus"
    small_benchmarks.ferplus(folder)
    path = folder / "fer2013new.csv"
    rows = list(csv.reader(path.open(newline="")))
    seen = set[tuple[str, int]]()
    for row in rows[1:]:
        votes = [int(vote) for vote in row[2:]]
        winner = votes.index(max(votes))
        if (row[0], winner) in seen and winner < 8:
            row[2:] = ["0"] * 10
            row[2 + winner], row[2 + (winner + 1) % 8], row[2 + (winner + 2) % 8] = "4", "3", "1"
        seen.add((row[0], winner))
    with path.open("w", newline="") as table:
        csv.writer(table).writerows(rows)
    return folder


def test_a_run_tells_both_rules_and_trains_by_one(ferplus: Path, tmp_path: Path) -> None:
    benchmark = open_benchmark(ferplus)
    counts = {name: (len(split), int(split.rules["majority"].sum())) for name, split in benchmark.splits.items()}
    assert counts == {"train": (24, 16), "valid": (8, 0), "test": (9, 1)}
    out = tmp_path / "run"
    line = arguments(ferplus, tmp_path, out, lambda1=0, lambda2=0, epochs=1, epochs_pre=0, soft_labels=True)
    done = run(line)
    assert done.returncode == 0, done.stderr
    results = json.loads((out / "results.json").read_text())["last"]
    assert [(results[name]["rule"], results[name]["images"]) for name in ("test", "test-majority")] == [
        ("argmax", 9),
        ("majority", 1),
    ]
    table = pq.read_table(out / "evaluation" / "ferplus-test-last.parquet")
    assert table.num_rows == 9 and sum(table["majority"].to_pylist()) == 1
    assert (out / "evaluation" / "ferplus-test-last-majority.json").is_file()
    card = (out / "MODEL_CARD.md").read_text()
    assert "FERPlus, test by argmax | 9" in card and "FERPlus, test by majority | 1" in card

    done = run(["evaluate", str(out), "--benchmark", str(ferplus), "--device", "cpu"])
    assert "FERPlus, test by argmax: 9 images" in done.stdout
    assert "FERPlus, test by majority: 1 images" in done.stdout

    told = run([*line, "--set", "label_rule=majority", "--set", "batch_size=16", "--out", str(tmp_path / "other")])
    assert told.returncode == 0, told.stderr
    # Of 16 pictures a step of 16, and none with a majority to validate on.
    assert [line["step"] for line in events(tmp_path / "other", "steps")] == [1]
    assert "validation" not in told.stderr


def test_soft_labels_need_votes(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    small_benchmarks.folders(folder, counts=(3, 1, 2))
    done = run(arguments(folder, tmp_path, tmp_path / "run", lambda1=0, lambda2=0, epochs_pre=0, soft_labels=True))
    assert done.returncode == 2
    assert "soft_labels needs votes" in done.stderr
