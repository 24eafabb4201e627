"""p and q are found again where they are known, errors of the network and all."""

from __future__ import annotations

import numpy as np
import pytest

from rmfer.analysis.prior import Estimate, Int64s, Predicted, estimate

CLASSES, SETS, POSITIVES, NEGATIVES = 4, 600, 20, 20
FREQUENCY = np.array([0.4, 0.3, 0.2, 0.1])
PERFECT = np.eye(CLASSES, dtype=np.int64) * 500
# Right in 70 of 100; what is wrong goes to the neighbour.
ERRING = 700 * np.eye(CLASSES, dtype=np.int64) + 300 * np.roll(np.eye(CLASSES, dtype=np.int64), 1, axis=1)


def drawn(p: float, q: float, confusion: Int64s, *, videos: int = 12) -> Predicted:
    """Sets of a known prior, seen through a network that errs as ``confusion`` says."""
    numbers = np.random.default_rng(3)

    def others(truth: Int64s, share: float, count: int) -> Int64s:
        """(S, count): the same expression with probability ``share``, else another one by its frequency."""
        found = np.repeat(truth[:, None], count, axis=1)
        differ = numbers.random(found.shape) >= share
        for row, column in zip(*np.nonzero(differ), strict=True):
            weights = np.where(np.arange(CLASSES) == truth[row], 0, FREQUENCY)
            found[row, column] = numbers.choice(CLASSES, p=weights / weights.sum())
        return found

    def seen(truth: Int64s) -> Int64s:
        shares = confusion / confusion.sum(1, keepdims=True)
        return (numbers.random(truth.shape)[..., None] > shares[truth].cumsum(-1)).sum(-1).astype(np.int64)

    anchors = numbers.choice(CLASSES, size=SETS, p=FREQUENCY)
    near, far = others(anchors, p, POSITIVES), others(anchors, 1 - q, NEGATIVES)
    return Predicted(seen(anchors), seen(near), seen(far), [f"v{n % videos}" for n in range(SETS)])


@pytest.mark.parametrize(("p", "q"), [(0.9, 0.95), (0.5, 0.7), (0.3, 0.8)])
def test_a_perfect_network_tells_the_truth(p: float, q: float) -> None:
    found = estimate(drawn(p, q, PERFECT), classes=CLASSES, confusion=PERFECT)
    for share, truth in ((found.p, p), (found.q, q)):
        assert share.value == pytest.approx(truth, abs=0.02)
        assert share.low < truth < share.high
        assert share.high - share.low < 0.1
    assert found.corrected is not None
    assert found.corrected["p"] == pytest.approx(found.p.value, abs=0.01)
    assert found.corrected["q"] == pytest.approx(found.q.value, abs=0.01)
    assert found.drawn == "videos"


@pytest.mark.parametrize(("p", "q"), [(0.9, 0.95), (0.5, 0.7)])
def test_a_networks_errors_are_allowed_for(p: float, q: float) -> None:
    found = estimate(drawn(p, q, ERRING), classes=CLASSES, confusion=ERRING)
    assert abs(found.p.value - p) > 0.1, "its errors draw p towards chance"
    assert found.corrected is not None
    assert found.corrected["p"] == pytest.approx(p, abs=0.06)
    assert found.corrected["q"] == pytest.approx(q, abs=0.06)
    assert found.corrected["chance"] == pytest.approx((FREQUENCY**2).sum(), abs=0.02)


def test_without_a_prior_p_is_chance() -> None:
    numbers = np.random.default_rng(4)
    faces = numbers.choice(CLASSES, size=(SETS, 1 + POSITIVES + NEGATIVES), p=FREQUENCY)
    found = estimate(
        Predicted(faces[:, 0], faces[:, 1 : 1 + POSITIVES], faces[:, 1 + POSITIVES :], ["v"] * SETS), classes=CLASSES
    )
    assert found.chance == pytest.approx((FREQUENCY**2).sum(), abs=0.02)
    assert found.p.low < found.chance < found.p.high
    assert found.q.low < 1 - found.chance < found.q.high
    assert (found.drawn, found.corrected, found.p_imp) == ("sets", None, None)


def test_what_attention_keeps_is_told_apart() -> None:
    """Two sets of which the kept ones are exactly the right ones, in part."""
    anchors = np.array([0, 1])
    positives = np.array([[0, 1, 0, 1], [0, 0, 1, 0]])
    negatives = np.array([[0, 0, 0, 1], [1, 1, 0, 2]])
    p_imp, n_imp = np.array([[0, 2], [2, 3]]), np.array([[3], [2]])
    found = estimate(Predicted(anchors, positives, negatives, ["a", "b"], p_imp, n_imp), classes=CLASSES)
    assert found.p.value == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert found.q.value == pytest.approx((1 / 4 + 2 / 4) / 2)
    assert found.p_imp is not None
    assert found.q_imp is not None
    assert found.p_imp.value == pytest.approx((1 + 0.5) / 2)
    assert found.q_imp.value == 1
    told = found.as_json()
    assert told["p_imp"][0] == 0.75
    assert told["sets"] == 2


def test_videos_that_differ_make_it_less_sure() -> None:
    """In half of the videos all agree, in the others nobody: sets alone would not show how little is known."""
    agree = np.repeat([0, 1], SETS // 2)[:, None].repeat(POSITIVES, axis=1)
    anchors = np.zeros(SETS, np.int64)
    negatives = np.ones((SETS, NEGATIVES), np.int64)

    def width(videos: list[str]) -> float:
        found: Estimate = estimate(Predicted(anchors, agree, negatives, videos), classes=CLASSES)
        return found.p.high - found.p.low

    halves = [f"v{n * 8 // SETS}" for n in range(SETS)]
    assert width(halves) > 4 * width(["one"] * SETS)


def test_a_class_without_a_test_picture_cannot_be_allowed_for() -> None:
    lacking = PERFECT.copy()
    lacking[2] = 0
    assert estimate(drawn(0.8, 0.8, PERFECT), classes=CLASSES, confusion=lacking).corrected is None


def test_nothing_to_look_at() -> None:
    nothing = np.empty((0, 3), np.int64)
    with pytest.raises(ValueError, match="no anchor set"):
        estimate(Predicted(nothing[:, 0], nothing, nothing, []), classes=CLASSES)
