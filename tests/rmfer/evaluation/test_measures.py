from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.stats import binomtest

from rmfer.evaluation import (
    absent_classes,
    accuracy_intervals,
    average_accuracy,
    class_recalls,
    confusion_matrix,
    overall_accuracy,
    recall_intervals,
    row_shares,
)
from rmfer.evaluation.figures import write_confusion
from rmfer.labels import class_names

# FERPlus' test split, by label.
COUNTS = (1262, 928, 444, 444, 93, 23, 325, 27)


def some_confusion(seed: int = 0) -> np.ndarray:
    numbers = np.random.default_rng(seed)
    shares = np.full((8, 8), 0.04) + np.diag(numbers.uniform(0.3, 0.9, 8))
    return np.array([numbers.multinomial(n, p / p.sum()) for n, p in zip(COUNTS, shares, strict=True)])


def test_accuracies_are_those_of_the_definitions() -> None:
    numbers = np.random.default_rng(1)
    labels, found = numbers.integers(0, 7, 500), numbers.integers(0, 7, 500)
    labels[labels == 5] = 4
    confusion = confusion_matrix(labels, found, classes=7)
    pairs = list(zip(labels.tolist(), found.tolist(), strict=True))
    assert all(confusion[a, b] == pairs.count((a, b)) for a in range(7) for b in range(7))
    recalls = {c: np.mean([b == c for a, b in pairs if a == c]) for c in set(labels.tolist())}
    assert overall_accuracy(confusion) == np.mean([a == b for a, b in pairs])
    assert average_accuracy(confusion) == pytest.approx(np.mean(list(recalls.values())), abs=1e-15)
    assert absent_classes(confusion) == (5,)
    told = class_recalls(confusion)
    assert np.isnan(told[5])
    assert all(told[c] == recall for c, recall in recalls.items())
    shares = row_shares(confusion)
    assert np.allclose(np.delete(shares, 5, axis=0).sum(axis=1), 1)
    assert np.isnan(shares[5]).all()


def test_accuracies_of_a_stack_are_those_of_each() -> None:
    stack = np.stack([some_confusion(seed) for seed in range(4)])
    assert overall_accuracy(stack).tolist() == [overall_accuracy(each) for each in stack]
    assert average_accuracy(stack).tolist() == [average_accuracy(each) for each in stack]


def test_nothing_and_nonsense() -> None:
    assert np.isnan(overall_accuracy(np.zeros((8, 8), int)))
    assert np.isnan(average_accuracy(np.zeros((8, 8), int)))
    with pytest.raises(ValueError, match="without an image"):
        accuracy_intervals(np.zeros((8, 8), int))
    with pytest.raises(ValueError, match=r"within 0 \.\. 6"):
        confusion_matrix([7], [0], classes=7)
    with pytest.raises(ValueError, match="labels are"):
        confusion_matrix([1, 2], [0], classes=7)


def test_bootstrap_is_that_over_images() -> None:
    """The multinomial over entries against drawing the images themselves anew."""
    confusion = some_confusion()
    cells = np.repeat(np.arange(64), confusion.ravel())
    labels, found = cells // 8, cells % 8
    numbers = np.random.default_rng(2)
    drawn = []
    for _ in range(1500):
        chosen = numbers.integers(0, len(cells), len(cells))
        redrawn = confusion_matrix(labels[chosen], found[chosen], classes=8)
        drawn.append((overall_accuracy(redrawn), average_accuracy(redrawn)))
    wanted = np.quantile(np.array(drawn), [0.025, 0.975], axis=0).T
    told = accuracy_intervals(confusion)
    assert np.abs(np.array(told) - wanted).max() < 0.005
    assert told == accuracy_intervals(confusion)
    assert told != accuracy_intervals(confusion, seed=1)
    assert told.overall.low < overall_accuracy(confusion) < told.overall.high
    # The rare classes make the average far less sure than all images together.
    assert told.average.high - told.average.low > 2 * (told.overall.high - told.overall.low)


def test_recalls_have_wilsons_interval() -> None:
    confusion = some_confusion()
    confusion[5] = 0
    confusion[7] = np.eye(8, dtype=int)[7] * 27
    for label, told in enumerate(recall_intervals(confusion)):
        count = int(confusion[label].sum())
        if not count:
            assert told is None
            continue
        wanted = binomtest(int(confusion[label, label]), count).proportion_ci(method="wilson")
        assert told == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert recall_intervals(confusion)[7].low < 0.9  # all of 27 right is not certainty


def test_the_picture_shows_the_matrix(tmp_path: Path) -> None:
    confusion = some_confusion()
    confusion[6] = 0
    names = class_names(8)
    for name in ("a.png", "b.png"):
        write_confusion(tmp_path / name, confusion, names, title="FERPlus, test", lines=["95 %"])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.png", "b.png"]
    picture = cv2.imread(str(tmp_path / "a.png"))
    height = picture.shape[0]
    assert 1000 < height < 1600
    # The lower left corner of each cell is bare ground: the darker, the larger its share of the row.
    cell, left, bottom = 0.78 * 160, 1.35 * 160, height - 0.95 * 160
    shades = np.array(
        [
            [picture[round(bottom - (7 - row) * cell) - 8, round(left + column * cell) + 8, 2] for column in range(8)]
            for row in range(8)
        ]
    )
    shares = np.nan_to_num(row_shares(confusion)).ravel()
    order = np.argsort(shares)
    assert (np.diff(shades.ravel()[order].astype(int)) <= 0).all()
