"""Anchor sets whose prior is known are composed as they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from rmfer.errors import BenchmarkError, RmferError
from rmfer.labelled import open_benchmark
from rmfer.labelled.prior_sets import Prior, PriorSets
from rmfer.labelled.split import Split
from rmfer.labelled.synthetic import Settings, write_benchmark

OPTIONS: dict[str, Any] = {
    "mean": (0.5, 0.5, 0.5),
    "std": (0.25, 0.25, 0.25),
    "positives": 12,
    "negatives": 10,
    "anchors_per_step": 2,
    "steps_per_epoch": 3,
    "size": 32,
    "seed": 7,
    "augment": False,
    "workers": 1,
}


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    folder = tmp_path_factory.mktemp("prior") / "benchmark"
    write_benchmark(folder, Settings(train=40, valid=2, test=2))
    return open_benchmark(folder).splits["train"]


@pytest.fixture(scope="module")
def opened(split: Split) -> Callable[..., PriorSets]:
    return lambda prior, **changes: PriorSets(split, prior=prior, **{**OPTIONS, **changes})


def shares(sets: PriorSets, count: int = 400) -> tuple[float, float]:
    """How often positives show their anchor's expression, and negatives another one."""
    alike, other = [], []
    for number in range(count):
        rows = sets.draw(epoch=0, number=number)
        assert len(set(rows.tolist())) == len(rows) == 23, "nobody twice in a set"
        labels = sets.split.labels[rows]
        alike.append((labels[1:13] == labels[0]).mean())
        other.append((labels[13:] != labels[0]).mean())
    return float(np.mean(alike)), float(np.mean(other))


@pytest.mark.parametrize(("p", "q"), [(0.0, 0.0), (0.3, 0.9), (0.8, 0.5), (1.0, 1.0)])
def test_expressions_agree_as_often_as_is_asked_for(opened: Callable[..., PriorSets], p: float, q: float) -> None:
    with opened(Prior(p, q)) as sets:
        alike, other = shares(sets)
    # 4,800 and 4,000 draws: three standard errors are .022 at most.
    assert alike == pytest.approx(p, abs=0.025)
    assert other == pytest.approx(q, abs=0.025)


def test_chance_is_what_random_sets_have(opened: Callable[..., PriorSets], split: Split) -> None:
    frequency = np.bincount(split.labels) / len(split)
    expected = float((frequency**2).sum())
    with opened(Prior()) as sets, opened(Prior(None, 1.0)) as half:
        alike, other = shares(sets)
        half_alike, half_other = shares(half)
    assert alike == pytest.approx(expected, abs=0.03)
    assert other == pytest.approx(1 - expected, abs=0.03)
    assert half_alike == pytest.approx(expected, abs=0.03)
    assert half_other == 1


def test_the_same_sets_whatever_the_number_of_processes(opened: Callable[..., PriorSets]) -> None:
    with opened(Prior(0.6, 0.8)) as alone:
        whole = [batch.images for batch in alone]
    parts = []
    for rank in range(2):
        with opened(Prior(0.6, 0.8), rank=rank, world_size=2, anchors_per_step=1) as sets:
            parts.append([batch.images for batch in sets])
    for step, images in enumerate(whole):
        torch.testing.assert_close(images, torch.cat([part[step] for part in parts]), rtol=0, atol=1e-6)


def test_a_person_is_a_style(opened: Callable[..., PriorSets], split: Split) -> None:
    """Of equal pictures the anchor's and its negatives' stay equal, and each positive looks otherwise."""
    one = split.part(np.zeros(len(split), np.int64))
    with (
        PriorSets(one, prior=Prior(styles=True), **OPTIONS) as styled,
        PriorSets(one, prior=Prior(styles=False), **OPTIONS) as plain,
    ):
        (pictures, bare) = (next(iter(sets)).images for sets in (styled, plain))
    assert pictures.shape == bare.shape == (2, 23, 3, 32, 32)
    assert torch.equal(bare[:, 1:], bare[:, :1].expand_as(bare[:, 1:]))
    for own, other in zip(pictures, pictures.flip(0), strict=True):
        torch.testing.assert_close(own[13:], own[:1].expand_as(own[13:]), rtol=0, atol=1e-5)
        assert all((own[0] - positive).abs().mean() > 0.02 for positive in own[1:13])
        assert (own[0] - other[0]).abs().mean() > 0.02
    assert torch.isfinite(pictures).all()


def test_what_cannot_be_drawn_is_said(opened: Callable[..., PriorSets]) -> None:
    with pytest.raises(RmferError, match=r"p 1\.5 is no probability"):
        Prior(1.5)
    with pytest.raises(BenchmarkError, match="a set may need 201"):
        opened(Prior(1.0, 1.0), positives=100, negatives=100)


def test_a_state_of_another_prior_is_refused(opened: Callable[..., PriorSets]) -> None:
    with (
        opened(Prior(0.6, 0.8)) as sets,
        opened(Prior(0.7, 0.8)) as others,
        pytest.raises(RmferError, match=r"p \(then 0\.6, now 0\.7\)"),
    ):
        others.load_state_dict(sets.state_dict())
