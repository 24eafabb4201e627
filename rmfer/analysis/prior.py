"""How true the paper's prior is on shards: do people of one moment feel alike, and one person otherwise later?

p is the probability that a positive of an anchor set shows the anchor's expression, q that a negative does not.
Nobody has labelled shards, so a trained network's predictions stand for the expressions; it errs, which draws p and q
towards chance. Where its confusion matrix on a labelled test split is known, that can be allowed for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmfer.evaluation.intervals import LEVEL, SEED

DRAWS = 2000
# Of fewer videos nobody can say how much videos differ: sets are drawn instead.
FEWEST_VIDEOS = 5

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Share(NamedTuple):
    """A share in [0, 1] with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Predicted:
    """Predictions for S anchor sets.

    Attributes:
        anchors: (S,) the likeliest expression of each anchor.
        positives: (S, P) of its positives.
        negatives: (S, N) of its negatives.
        videos: (S,) which video each set is from.
        p_imp: (S, k) places among the positives that attention keeps; None where the network has none.
        n_imp: (S, l) places among the negatives; None likewise.
    """

    anchors: Int64s
    positives: Int64s
    negatives: Int64s
    videos: Sequence[str]
    p_imp: Int64s | None = None
    n_imp: Int64s | None = None


@dataclass(frozen=True)
class Estimate:
    """What was found.

    Attributes:
        sets: how many anchor sets.
        drawn: what the intervals draw anew: "videos" or "sets".
        p: agreement of positives with their anchors.
        q: disagreement of negatives with theirs.
        chance: agreement of an anchor with a random face of all sets; what p is, and 1 - q, where there is no prior.
        p_imp: as ``p``, of the positives that attention keeps; None where the network has none.
        q_imp: as ``q``, of the negatives that it keeps.
        corrected: p and q as they would be without the network's errors; None where its confusion matrix is not known.
    """

    sets: int
    drawn: str
    p: Share
    q: Share
    chance: float
    p_imp: Share | None
    q_imp: Share | None
    corrected: dict[str, float] | None

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        told: dict[str, Any] = {"sets": self.sets, "intervals_over": self.drawn, "chance": round(self.chance, 4)}
        shares = {"p": self.p, "q": self.q, "p_imp": self.p_imp, "q_imp": self.q_imp}
        told |= {name: None if s is None else [round(v, 4) for v in s] for name, s in shares.items()}
        corrected = self.corrected
        told["corrected"] = None if corrected is None else {k: round(v, 4) for k, v in corrected.items()}
        return told


def estimate(predicted: Predicted, *, classes: int, confusion: Int64s | None = None) -> Estimate:
    """p and q of anchor sets.

    Args:
        predicted: what a network says of them.
        classes: how many expressions it knows.
        confusion: (C, C) its counts on a labelled split, true expressions by rows.

    Raises:
        ValueError: there is no set.
    """
    if not len(predicted.anchors):
        raise ValueError("no anchor set")
    alike = predicted.positives == predicted.anchors[:, None]
    other = predicted.negatives != predicted.anchors[:, None]
    everyone = np.concatenate([predicted.anchors[:, None], predicted.positives, predicted.negatives], axis=1)
    frequency = np.bincount(everyone.ravel(), minlength=classes) / everyone.size
    chance = float(frequency[predicted.anchors].mean())
    draws, drawn = _draws(predicted.videos)

    def share(rates: Floats) -> Share:
        low, high = np.quantile(draws @ rates / draws.sum(1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Share(float(rates.mean()), float(low), float(high))

    def kept(agrees: npt.NDArray[np.bool_], places: Int64s | None) -> Share | None:
        return None if places is None else share(np.take_along_axis(agrees, places, axis=1).mean(1))

    p, q = share(alike.mean(1)), share(other.mean(1))
    return Estimate(
        len(alike),
        drawn,
        p,
        q,
        chance,
        kept(alike, predicted.p_imp),
        kept(other, predicted.n_imp),
        None if confusion is None else _corrected(p.value, q.value, frequency, confusion),
    )


def _draws(videos: Sequence[str]) -> tuple[Floats, str]:
    """(draws, S) how often each draw has each set: whole videos are drawn where there are enough of them."""
    numbers = np.random.Generator(np.random.Philox(SEED))
    names, number = np.unique(np.asarray(videos), return_inverse=True)
    if len(names) < FEWEST_VIDEOS:
        count = len(number)
        return numbers.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(np.float64), "sets"
    count = len(names)
    return numbers.multinomial(count, np.full(count, 1 / count), size=DRAWS)[:, number].astype(np.float64), "videos"


def _corrected(p: float, q: float, predicted: Floats, confusion: Int64s) -> dict[str, float] | None:
    """p and q from their predicted counterparts, if predictions of two faces err independently and as on that split.

    Two faces of one expression are predicted alike with probability A, two of different ones with B < A; then the
    predicted p is p A + (1 - p) B. Expressions are as frequent as makes the predicted frequencies (least squares).
    """
    from scipy.optimize import nnls  # noqa: PLC0415  half a second, which no command's help should take

    rows = confusion.sum(1)
    if not rows.all():
        return None
    told = confusion / rows[:, None]
    true = nnls(np.vstack([told.T, np.ones(len(told))]), np.append(predicted, 1.0))[0]
    true = true / true.sum()
    both = told @ told.T  # (C, C): probability that two faces of these expressions are predicted alike
    alike = float(true @ np.diag(both))
    others = true[:, None] * true[None, :]
    np.fill_diagonal(others, 0)
    if not others.sum() or alike <= (apart := float((others * both).sum() / others.sum())):
        return None

    def undone(agreement: float) -> float:
        return float(np.clip((agreement - apart) / (alike - apart), 0, 1))

    return {"p": undone(p), "q": 1 - undone(1 - q), "chance": float(true @ true)}
