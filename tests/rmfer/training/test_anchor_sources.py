"""Anchor sets come from whatever is registered; a part of the labels leaves the other pictures for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from training_helpers import arguments, events, run, write_benchmark

from rmfer.errors import BenchmarkError
from rmfer.labelled import open_benchmark
from rmfer.labelled.random_sets import RandomSets
from rmfer.labelled.split import draw_part
from rmfer.training.anchors import SOURCES, Wanted, register_source

OWN = "own"


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    return write_benchmark(tmp_path / "benchmark", train=24)


@pytest.fixture
def opened() -> Iterator[list[Wanted]]:
    """A source like the benchmark's, which remembers what it was opened for."""
    wanted: list[Wanted] = []

    def open_own(one: Wanted) -> RandomSets:
        wanted.append(one)
        return SOURCES["benchmark"](one)  # type: ignore[return-value]

    register_source(OWN, open_own)
    yield wanted
    del SOURCES[OWN]


def test_a_registered_source_trains_as_the_one_it_copies(benchmark: Path, tmp_path: Path, opened: list[Wanted]) -> None:
    for name in (OWN, "benchmark"):
        done = run(arguments(benchmark, tmp_path / "none", tmp_path / name, acl_source=name, epochs=2))
        assert done.returncode == 0, done.stderr
    assert events(tmp_path / OWN, "steps") == events(tmp_path / "benchmark", "steps")
    assert any(line["acl"] > 0 for line in events(tmp_path / OWN, "steps"))
    (wanted,) = opened
    assert wanted.run.config.acl_source == OWN


def test_sets_of_a_known_prior_are_of_what_is_not_labelled(benchmark: Path, tmp_path: Path) -> None:
    """And go on after an interruption as if there had been none."""
    prior = {"labelled": 56, "acl_source": "prior", "acl_options": {"p": 0.9, "q": 0.9}}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(arguments(benchmark, tmp_path / "none", whole, **prior)).returncode == 0
    assert run(arguments(benchmark, tmp_path / "none", parts, **prior, epochs=2)).returncode == 0
    done = run([*arguments(benchmark, tmp_path / "none", parts, **prior), "--resume"])
    assert done.returncode == 0, done.stderr
    # 56 pictures are 7 steps of 8.
    assert [line["step"] for line in events(whole, "epoch")] == [7, 14, 21]
    assert events(parts, "steps") == events(whole, "steps")
    ours, theirs = (load_file(folder / "last.safetensors") for folder in (parts, whole))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"acl_source": "nowhere"}, "acl_source: there is no nowhere; there are shards, benchmark, celeba, prior"),
        ({"acl_source": "prior"}, "acl_source prior needs pictures without labels; label a part"),
        ({"acl_source": "prior", "labelled": 56, "acl_options": {"r": 1}}, "it has p, q and styles"),
        ({"acl_source": "prior", "labelled": 56, "acl_options": {"p": 2}}, "p 2 is no probability"),
        ({"acl_source": "benchmark", "labelled": 5000}, "5,000 pictures cannot be drawn from 168 of 7 expressions"),
        ({"acl_source": "benchmark", "labelled": 3}, "3 pictures cannot be drawn from 168 of 7 expressions"),
    ],
)
def test_wrong_settings_are_one_line(benchmark: Path, tmp_path: Path, settings: dict[str, object], told: str) -> None:
    done = run(arguments(benchmark, tmp_path / "none", tmp_path / "out", **settings))
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_name_is_taken_once(opened: list[Wanted]) -> None:
    with pytest.raises(ValueError, match="an anchor source named own is there already"):
        register_source(OWN, SOURCES["prior"])


@pytest.mark.parametrize("count", [7, 50, 167, 168])
def test_a_part_has_each_class_in_its_share(benchmark: Path, count: int) -> None:
    split = open_benchmark(benchmark).splits["train"]
    # Unequal classes: 24, 24, 24, 12, 6, 3, 1.
    rows = np.concatenate([np.flatnonzero(split.labels == k)[:n] for k, n in enumerate((24, 24, 24, 12, 6, 3, 1))])
    uneven = split.part(np.sort(rows))
    count = min(count, len(uneven))
    part, rest = draw_part(uneven, count, seed=5)
    assert (len(part), len(rest)) == (count, len(uneven) - count)
    names = [one.name_of(number) for one in (part, rest) for number in range(len(one))]
    assert sorted(names) == sorted(uneven.name_of(number) for number in range(len(uneven)))
    assert part.counts(7).min() >= 1
    exact = uneven.counts(7) / len(uneven) * count
    assert (np.abs(part.counts(7) - exact) <= 1 + (exact < 1) + (count == 7) * 2).all()
    assert draw_part(uneven, count, seed=5)[0].digest == part.digest
    if count not in (7, len(uneven)):
        assert draw_part(uneven, count, seed=6)[0].digest != part.digest


def test_a_part_keeps_what_voters_found(benchmark: Path) -> None:
    split = open_benchmark(benchmark).splits["train"]
    with pytest.raises(BenchmarkError, match="cannot be drawn"):
        draw_part(split, len(split) + 1, seed=0)
    whole, rest = draw_part(split, len(split), seed=0)
    assert len(rest) == 0
    assert whole.digest == split.digest
