"""The supplement's measures against loops over all pairs, and what they say of embeddings that are known."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from rmfer.analysis.batches import balanced_batches, balanced_sample
from rmfer.analysis.mds import class_distances, plane_of
from rmfer.analysis.measures import cosine_difference, filter_ratio, same_label_attention


def faces(count: int = 40, width: int = 6, classes: int = 3) -> tuple[Tensor, Tensor]:
    numbers = np.random.default_rng(5)
    return torch.from_numpy(numbers.normal(size=(count, width))), torch.from_numpy(numbers.integers(0, classes, count))


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_difference_of_cosines_is_that_of_all_pairs(diagonal: bool) -> None:
    z, labels = faces()
    same, other = [], []
    for i, a in enumerate(z):
        for j, b in enumerate(z):
            if i != j or diagonal:
                (same if labels[i] == labels[j] else other).append(cosine(a, b))
    expected = sum(same) / len(same) - sum(other) / len(other)
    assert cosine_difference(z, labels, include_diagonal=diagonal) == pytest.approx(expected, rel=1e-12)


def test_known_differences() -> None:
    apart = torch.tensor([[1.0, 0], [2, 0], [0, 3], [0, 1]])
    assert cosine_difference(apart, torch.tensor([0, 0, 1, 1])) == pytest.approx(1)
    assert math.isnan(cosine_difference(apart, torch.tensor([0, 0, 0, 0])))
    assert math.isnan(cosine_difference(apart[:2], torch.tensor([0, 1])))
    # A class of one face has no pair of its own.
    assert cosine_difference(apart[:3], torch.tensor([0, 0, 1])) == pytest.approx(1)


@pytest.mark.parametrize(("gamma", "block"), [(0.05, 7), (0.1, 512), (0.5, 40), (1.0, 1)])
def test_the_filter_ratio_is_that_of_each_face(gamma: float, block: int) -> None:
    z, labels = faces()
    count = math.ceil(round(gamma * 39, 9))
    shares = []
    for i, a in enumerate(z):
        others = sorted((j for j in range(40) if j != i), key=lambda j: (-cosine(a, z[j]), j))
        shares.append(sum(int(labels[j] == labels[i]) for j in others[:count]) / count)
    assert filter_ratio(z, labels, gamma=gamma, block=block) == pytest.approx(sum(shares) / 40, rel=1e-12)


def test_equally_similar_faces_count_in_order() -> None:
    z, labels = torch.ones(4, 2), torch.tensor([0, 1, 0, 1])
    # Nearest of 0 is 1, of the others 0.
    assert filter_ratio(z, labels, gamma=0.1) == pytest.approx(1 / 4)


@pytest.mark.parametrize("mask", [True, False])
def test_attention_between_like_faces(mask: bool) -> None:
    z, labels = faces(12)
    found = []
    for i, a in enumerate(z):
        scores = {j: math.exp(cosine(a, b) / 0.25) for j, b in enumerate(z) if j != i or not mask}
        found += [scores[j] / sum(scores.values()) for j in range(12) if j != i and labels[j] == labels[i]]
    assert same_label_attention(z, labels, tau=0.25, self_mask=mask) == pytest.approx(np.mean(found), rel=1e-9)


def test_four_thousand_faces_need_no_matrix_of_all_pairs() -> None:
    code = """
import resource, torch
from rmfer.analysis.measures import cosine_difference, filter_ratio
z, labels = torch.randn(4000, 1408), torch.arange(4000) % 8
filter_ratio(z[:600], labels[:600], gamma=0.1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
cosine_difference(z, labels)
print(filter_ratio(z, labels, gamma=0.1, block=128))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    ratio, more = map(float, done.stdout.split())
    assert ratio == pytest.approx(1 / 8, abs=0.01)
    assert more * 1024 < 4000 * 4000 * 8  # two matrices of n x D in float64 are 90 MB, n x n ones some times 128


def test_a_plane_keeps_distances_that_a_plane_can_have() -> None:
    angles = np.concatenate([np.linspace(0, 0.2, 10), np.linspace(2, 2.4, 10)])
    z = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    points = plane_of(z)
    assert points.shape == (20, 2)
    assert np.array_equal(points, plane_of(z))
    within = np.linalg.norm(points[:10] - points[:10].mean(0), axis=1).max()
    between = np.linalg.norm(points[:10].mean(0) - points[10:].mean(0))
    assert between > 8 * within
    assert between == pytest.approx(1 - np.cos(2.1), rel=0.1)


def test_distances_from_the_centre_of_each_class() -> None:
    points = np.asarray([[0, 0], [2, 0], [10, 0], [10, 6], [10, 3]], np.float64)
    found = class_distances(points, np.asarray([0, 0, 2, 2, 2]), classes=3)
    assert found.raw[[0, 2]].tolist() == pytest.approx([1, 2])
    assert math.isnan(found.raw[1])
    radius = math.sqrt(np.square(points - points.mean(0)).sum(1).mean())
    assert found.relative[2] == pytest.approx(2 / radius)
    twice = class_distances(3 * points, np.asarray([0, 0, 2, 2, 2]), classes=3)
    np.testing.assert_allclose(twice.relative, found.relative)


def test_batches_are_balanced_and_seeded() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 4])
    batches = balanced_batches(labels, 9, size=32, seed=1)
    assert batches.shape == (9, 32)
    counts = np.stack([np.bincount(labels[own], minlength=3) for own in batches])
    assert counts.min() == 10 and counts.max() == 11
    assert counts.sum(0).tolist() == [96, 96, 96]
    assert all(len(set(own[labels[own] < 2])) == (labels[own] < 2).sum() for own in batches)
    assert np.array_equal(batches, balanced_batches(labels, 9, size=32, seed=1))
    assert not np.array_equal(batches, balanced_batches(labels, 9, size=32, seed=2))
    sample = balanced_sample(labels, 30)
    assert np.bincount(labels[sample]).tolist() == [10, 10, 4]
    assert len(set(sample.tolist())) == 24 and np.array_equal(sample, np.sort(sample))
