"""``rmfer analyze RUN`` and ``rmfer figure``: what is measured of a real run, kept, printed and drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from training_helpers import arguments, run, seen, write_benchmark

from rmfer.analysis.measures import cosine_difference, filter_ratio
from rmfer.labelled.registry import open_benchmark
from rmfer.model.saved import load_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs, ``x-ial`` and ``x-base``, and their benchmark."""
    folder = tmp_path_factory.mktemp("analyze")
    benchmark = write_benchmark(folder / "benchmark", valid=5, test=6)
    common = {"lambda2": 0, "epochs": 2, "epochs_pre": 0, "attention_batches": 2}
    for name, more in (("x-ial", {}), ("x-base", {"lambda1": 0})):
        assert run(arguments(benchmark, folder, folder / name, **common, **more)).returncode == 0
    return folder


def test_runs_are_measured_kept_and_printed(folder: Path) -> None:
    done = run(["analyze", str(folder / "x-ial"), str(folder / "x-base"), "--gamma", "0.1", "--json"])
    assert done.returncode == 0, done.stderr
    ial, base = json.loads(done.stdout).values()
    assert (ial["space"], base["space"]) == ("z", "f")
    assert (ial["images"], ial["epoch"], ial["split"], ial["which"]) == (42, 2, "test", "last")

    net, info = load_model(folder / "x-ial", which="last")
    split = open_benchmark(folder / "benchmark").splits["test"]
    pixels = np.stack([split.decode(number) for number in range(42)]).astype(np.float32) / 255
    levels = (pixels - np.asarray(info.mean, np.float32)) / np.asarray(info.std, np.float32)
    with torch.inference_mode():
        z = net.embed(torch.from_numpy(levels).permute(0, 3, 1, 2))[1]
    labels = torch.from_numpy(split.labels)
    assert ial["cosine_difference"] == pytest.approx(cosine_difference(z, labels), abs=1e-4)
    assert ial["filter_ratios"] == {"0.1": pytest.approx(filter_ratio(z, labels, gamma=0.1), abs=1e-3)}
    assert 0 < ial["attention"] < 1

    kept = folder / "x-ial" / "analysis"
    assert json.loads((kept / "test-last.json").read_text()) == ial
    plane = pq.read_table(kept / "test-last-mds.parquet")
    assert plane.column_names == ["image", "label", "x", "y"] and len(plane) == 42
    own = {
        name: np.stack([plane["x"].to_numpy(), plane["y"].to_numpy()], 1)[plane["label"].to_numpy() == label]
        for label, name in enumerate(ial["distances"])
    }
    for name, points in own.items():
        expected = np.linalg.norm(points - points.mean(0), axis=1).mean()
        assert ial["distances"][name] == pytest.approx(expected)

    told = run(["analyze", str(folder / "x-ial"), str(folder / "x-base")])
    assert told.returncode == 0
    line = next(each for each in told.stdout.splitlines() if each.startswith("difference of cosines"))
    assert line.split()[-2:] == [f"{one['cosine_difference']:.4f}" for one in (ial, base)]


@pytest.mark.parametrize("number", ["1", "2", "4"])
def test_figures_of_runs_are_drawn(number: str, folder: Path, tmp_path: Path) -> None:
    runs = [str(folder / "x-ial"), str(folder / "x-base")]
    done = run(["figure", number, *runs, "--out", str(tmp_path / "drawn")])
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "drawn.png"), str(tmp_path / "drawn.pdf")]
    picture = cv2.imread(str(tmp_path / "drawn.png"))
    assert picture is not None and picture.shape[0] > 400 and picture.shape[1] > 400
    assert picture.std() > 2  # something is drawn
    assert (tmp_path / "drawn.pdf").read_bytes().startswith(b"%PDF")
    again = run(["figure", number, *runs, "--out", str(tmp_path / "again")])
    assert again.returncode == 0
    for suffix in ("png", "pdf"):
        assert (tmp_path / f"again.{suffix}").read_bytes() == (tmp_path / f"drawn.{suffix}").read_bytes()


def test_an_anchor_set_is_drawn_with_its_attention(
    folder: Path, make_shards: Callable[..., list[Path]], tmp_path: Path
) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    make_shards(shards, "wall", seen(people=6, frames=120), size=32)
    line = ["--rmset", str(shards), "--frame-stride", "1", "--out", str(tmp_path / "sets")]
    done = run(["figure", "3", str(folder / "x-ial"), *line])
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "sets.png")) is not None
    refused = run(["figure", "3", str(folder / "x-base"), *line])
    assert refused.returncode == 2
    assert "has no trained projection" in refused.stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["analyze", "nowhere"], "nowhere does not exist"),
        (["figure", "1", "nowhere"], "log.jsonl cannot be read"),
        (["figure", "2", "nowhere"], "holds no table"),
        (["figure", "4", "a", "b", "--name", "c"], "1 names for 2 runs"),
        (["figure", "4", "x/a", "y/a"], "two runs have the same name"),
        (["figure", "5", "a"], "'5' is not one of"),
        (["analyze"], "Usage: rmfer analyze"),
    ],
)
def test_what_is_not_there_is_told_in_a_line(line: list[str], told: str) -> None:
    done = run(line)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
