"""A loss is a function and its registration: nothing else knows how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from training_helpers import arguments, events, run, seen, write_benchmark

from rmfer.losses.method import METHODS, Step, register

NAME = "largeness"


def largeness(step: Step) -> Tensor:
    """Mean squared length of the features: a loss whose effect is plain."""
    return step.f.square().sum(1).mean()


@pytest.fixture
def fourth() -> Iterator[None]:
    register(NAME, largeness, trains=frozenset())
    yield
    del METHODS[NAME]


@pytest.fixture
def shards(make_shards: Callable[..., list[Path]], tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    make_shards(folder, "wall", seen(), size=32)
    return folder


@pytest.mark.usefixtures("fourth")
def test_a_further_loss_trains_is_logged_and_goes_on(shards: Path, tmp_path: Path) -> None:
    benchmark, out, without = write_benchmark(tmp_path / "benchmark"), tmp_path / "with", tmp_path / "without"
    ones = {"lambda_fer": 1, "lambda1": 1, "lambda2": 1}
    weights = {**ones, "losses": {NAME: 0.05}}
    done = run(arguments(benchmark, shards, out, epochs=2, **weights))
    assert done.returncode == 0, done.stderr
    assert run([*arguments(benchmark, shards, out, epochs=3, **weights), "--resume"]).returncode == 0
    assert run(arguments(benchmark, shards, without, epochs=3, **ones)).returncode == 0

    logged = events(out, "steps")
    assert {line["epoch"] for line in logged} == {0, 1, 2}
    for line in logged:
        assert line["total"] == pytest.approx(line["fer"] + line["ial"] + line["acl"] + 0.05 * line[NAME], rel=1e-4)
    assert all(NAME not in line for line in events(without, "steps"))
    assert logged[-1][NAME] < logged[0][NAME]
    size = {where: _lengths(where / "last.safetensors") for where in (out, without)}
    assert size[out] < size[without]


def _lengths(path: Path) -> float:
    weights = [value.double() for name, value in load_file(path).items() if "weight" in name]
    return float(sum(torch.linalg.vector_norm(value) for value in weights))


def test_a_loss_that_nobody_registered_is_named(shards: Path, tmp_path: Path) -> None:
    benchmark = write_benchmark(tmp_path / "benchmark")
    done = run(arguments(benchmark, shards, tmp_path / "run", losses={"largenes": 1}))
    assert done.returncode == 2
    assert "losses: there is no largenes; there are fer, ial, acl" in done.stderr


@pytest.mark.parametrize("name", ["fer", "total"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is there already"):
        register(name, largeness, trains=frozenset())
