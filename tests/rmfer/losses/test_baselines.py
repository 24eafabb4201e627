"""The losses of EAC, SOFT and Ada-CM against their formulas, written out in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from rmfer.losses.adacm import next_thresholds, unlabelled_loss
from rmfer.losses.eac import consistency_loss
from rmfer.losses.soft import ramp, soft_loss, soft_targets

DOUBLE = torch.float64


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def softmax(scores: list[float]) -> list[float]:
    every = [math.exp(score) for score in scores]
    return [value / sum(every) for value in every]


def test_eac_compares_each_class_map_with_the_mirrored_one_of_the_mirror_image() -> None:
    maps, mirrored, weights = drawn(3, 5, 2, 4), drawn(3, 5, 2, 4, seed=1), drawn(7, 5, seed=2)
    squares = []
    for n in range(3):
        for k in range(7):
            for row in range(2):
                for column in range(4):
                    own = sum(float(weights[k, c] * maps[n, c, row, column]) for c in range(5))
                    other = sum(float(weights[k, c] * mirrored[n, c, row, 3 - column]) for c in range(5))
                    squares.append((own - other) ** 2)
    assert consistency_loss(maps, mirrored, weights).item() == pytest.approx(sum(squares) / len(squares), rel=1e-12)


def test_eac_is_zero_for_true_mirror_images_and_leaves_the_classifier_alone() -> None:
    maps, weights = drawn(2, 3, 4, 4).requires_grad_(), drawn(8, 3).requires_grad_()
    assert consistency_loss(maps, maps.flip(3), weights).item() == 0
    other = drawn(2, 3, 4, 4, seed=5).requires_grad_()
    consistency_loss(maps, other, weights).backward()  # type: ignore[no-untyped-call]
    assert weights.grad is None
    assert maps.grad is not None and other.grad is not None
    assert maps.grad.abs().sum() > 0 and other.grad.abs().sum() > 0


def test_soft_keeps_the_likelier_classes_and_smooths_the_others() -> None:
    p = torch.tensor([[0.5, 0.3, 0.15, 0.05], [0.25, 0.25, 0.25, 0.25]], dtype=DOUBLE)
    found = soft_targets(p, torch.tensor([3, 2]), smoothing=0.35)
    inside = 0.65 / 0.8
    expected = torch.tensor([[0.5 * inside, 0.3 * inside, 0.175, 0.175], [0, 0, 1, 0]], dtype=DOUBLE)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    shares = torch.tensor([[0.0, 0.0, 0.0, 1.0], [0.1, 0.2, 0.3, 0.4]], dtype=DOUBLE)
    torch.testing.assert_close(soft_targets(p, shares, smoothing=0.35)[1], shares[1])


def test_softs_loss_is_the_formula() -> None:
    logits, alpha = drawn(5, 4), drawn(5, 1, seed=1).sigmoid()
    labels, targets = torch.tensor([0, 1, 2, 3, 0]), drawn(5, 4, seed=2).softmax(1)
    entropy = divergence = 0.0
    for n in range(5):
        weighed = softmax([float(alpha[n, 0] * value) for value in logits[n]])
        entropy -= math.log(weighed[labels[n]]) / 5
        found = softmax(logits[n].tolist())
        divergence += sum(float(t) * math.log(float(t) / q) for t, q in zip(targets[n], found, strict=True)) / 5
    loss = soft_loss(logits, alpha, labels, targets, consistency=2.5)
    assert loss.item() == pytest.approx(entropy + 2.5 * divergence, rel=1e-12)


def test_softs_consistency_rises_to_its_whole_weight() -> None:
    assert [ramp(epoch, 30) for epoch in (0, 15, 30, 80)] == pytest.approx([math.exp(-5), math.exp(-1.25), 1, 1])
    values = [ramp(epoch, 30) for epoch in range(31)]
    assert values == sorted(values)


def test_ada_cm_trusts_the_confident_and_contrasts_the_others() -> None:
    weak, strong = 3 * drawn(2, 6, 4), drawn(6, 4, seed=1)
    directions = torch.nn.functional.normalize(drawn(2, 6, 5, seed=2), dim=2)
    p = [
        [(a + b) / 2 for a, b in zip(softmax(x.tolist()), softmax(y.tolist()), strict=True)]
        for x, y in zip(*weak, strict=True)
    ]
    sure = sorted(max(row) for row in p)
    thresholds = torch.full((4,), (sure[2] + sure[3]) / 2, dtype=DOUBLE)

    confident = [n for n in range(6) if max(p[n]) >= thresholds[0]]
    unsure = [n for n in range(6) if n not in confident]
    assert len(confident) == len(unsure) == 3
    by_prediction = -sum(math.log(softmax(strong[n].tolist())[p[n].index(max(p[n]))]) for n in confident) / 6
    seen = [directions[side, n] for side in (0, 1) for n in unsure]
    contrast = 0.0
    for i, own in enumerate(seen):
        scores = {j: float(own @ other) / 0.07 for j, other in enumerate(seen) if j != i}
        contrast -= (scores[(i + 3) % 6] - math.log(sum(math.exp(s) for s in scores.values()))) / 6
    loss = unlabelled_loss(weak, strong, directions, thresholds, contrast=0.1)
    assert loss.item() == pytest.approx(by_prediction + 0.1 * contrast, rel=1e-10)


def test_ada_cm_has_a_threshold_a_class_and_no_contrast_where_all_are_confident() -> None:
    weak = torch.tensor([[[4.0, 0.0], [0.0, 4.0]]] * 2, dtype=DOUBLE)
    strong, directions = drawn(2, 2), torch.nn.functional.normalize(drawn(2, 2, 3, seed=1), dim=2)
    both = unlabelled_loss(weak, strong, directions, torch.tensor([0.9, 0.9], dtype=DOUBLE), contrast=0.1)
    own = [-math.log(softmax(strong[n].tolist())[n]) for n in range(2)]
    assert both.item() == pytest.approx(sum(own) / 2, rel=1e-12)
    first = unlabelled_loss(weak, strong, directions, torch.tensor([0.9, 0.999], dtype=DOUBLE), contrast=0.1)
    assert first.item() == pytest.approx(own[0] / 2, abs=1e-9)  # one picture's views have each other alone


def test_ada_cms_thresholds_follow_the_classes() -> None:
    p = torch.tensor([[0.99, 0.01, 0], [0.95, 0.05, 0], [0.3, 0.7, 0], [0.2, 0.8, 0], [0.6, 0.4, 0]], dtype=DOUBLE)
    labels = torch.tensor([0, 0, 1, 0, 2])
    found = next_thresholds(p, labels, epoch=4)
    assert found.tolist() == pytest.approx([0.97 * 0.97 / (1 + math.exp(-4)), 0.8, 0.8], rel=1e-12)
    assert next_thresholds(p, labels, epoch=0).tolist() == pytest.approx([0.8] * 3)
