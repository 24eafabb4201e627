from __future__ import annotations

import itertools

import numpy as np
import pytest

from rmset_builder.review.similar import by_similarity


@pytest.mark.parametrize("seed", range(5))
def test_groups_of_alike_stand_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    who = rng.permutation(np.repeat(np.arange(6), 5))
    means = (np.eye(6, 16)[who] + rng.normal(0, 0.08, (30, 16))) * rng.uniform(0.5, 2, (30, 1))
    order = by_similarity(means.astype(np.float32))
    assert sorted(order) == list(range(30))
    assert [len(list(group)) for _, group in itertools.groupby(who[order])] == [5] * 6


def test_the_order_is_the_best_of_a_tree_and_does_not_depend_on_lengths() -> None:
    angle = np.array([50, 0, 80, 20, 65, 10])
    means = np.stack([np.cos(np.radians(angle)), np.sin(np.radians(angle))], 1).astype(np.float32)
    order = by_similarity(means)
    assert angle[order].tolist() in (sorted(angle), sorted(angle, reverse=True))
    assert by_similarity(means * np.array([[1], [9], [0.1], [3], [2], [5]], np.float32)) == order


def test_few_and_unknown_people_have_an_order_too() -> None:
    for count in range(3):
        assert by_similarity(np.zeros((count, 4), np.float32)) == list(range(count))
    means = np.zeros((5, 4), np.float32)
    means[[1, 3]] = [1, 0, 0, 0]
    order = by_similarity(means)
    assert sorted(order) == list(range(5))
    assert abs(order.index(1) - order.index(3)) == 1
