"""Anchor sets with a known prior: labelled pictures in the part of reaction mashups.

The paper supposes that people who watch the same moment feel alike, and that one person feels otherwise at other
moments. Here both are as true as is asked for: positives show the anchor's expression with probability p, negatives
another one with probability q. Labels compose the sets and serve for nothing else. A "person" is a style
(`rmfer.data.styles`): the anchor's and its negatives' is one, each positive has its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rmfer.data.rng import PRIOR_SETS, STYLES, choose, uniforms
from rmfer.data.styles import NUMBERS, styled
from rmfer.errors import BenchmarkError, RmferError
from rmfer.labelled.loader import PictureJob
from rmfer.labelled.random_sets import RandomBatch, RandomSets
from rmfer.labelled.split import Int64s, Split


@dataclass(frozen=True)
class Prior:
    """How true the prior is.

    Attributes:
        p: probability that a positive shows its anchor's expression; None: as often as a random picture does.
        q: probability that a negative shows another one; None likewise.
        styles: whether people differ in style.
    """

    p: float | None = None
    q: float | None = None
    styles: bool = True

    def __post_init__(self) -> None:
        for name, value in (("p", self.p), ("q", self.q)):
            if value is not None and not 0 <= value <= 1:
                raise RmferError(f"{name} {value} is no probability")


class PriorSets(RandomSets):
    """Draws anchor sets with a known prior; iterated over as `rmfer.shards.AnchorLoader` is.

    Args:
        split: of which pictures; their labels are looked at for composing sets alone.
        prior: how true it is.
        options: of `RandomSets`.

    Raises:
        BenchmarkError: an expression has too few pictures for a set.
        RmferError: as `RandomSets`.
    """

    def __init__(self, split: Split, *, prior: Prior, **options: Any) -> None:
        super().__init__(split, **options)
        self.prior = prior
        self._mean, self._std = (torch.tensor(options[name], dtype=torch.float32) for name in ("mean", "std"))
        self._of_class = {label: np.flatnonzero(split.labels == label) for label in np.unique(split.labels).tolist()}
        if prior.p is not None or prior.q is not None:
            needed, (label, rows) = self.set_size, min(self._of_class.items(), key=lambda item: len(item[1]))
            if len(rows) < needed:
                raise BenchmarkError(
                    split.name,
                    f"has {len(rows):,} pictures of expression {label}, a set may need {needed}",
                    remedy="use more pictures, or fewer positives and negatives",
                )

    def draw(self, *, epoch: int, number: int) -> Int64s:
        """(1 + P + N,) pictures of set ``number`` of ``epoch``: the anchor, the positives, the negatives."""
        p, q = self.prior.p, self.prior.q
        if p is None and q is None:
            return super().draw(epoch=epoch, number=number)
        positives, negatives = self.wanted["positives"], self.wanted["negatives"]
        count = positives + negatives
        numbers = uniforms(1 + 2 * count, seed=self.seed, epoch=epoch, number=number, purpose=PRIOR_SETS)
        anchor = int(numbers[0] * len(self.split))
        label = int(self.split.labels[anchor])
        chance = len(self._of_class[label]) / len(self.split)
        alike = np.empty(count, np.bool_)
        alike[:positives] = numbers[1 : 1 + positives] < (chance if p is None else p)
        alike[positives:] = numbers[1 + positives : 1 + count] >= (1 - chance if q is None else q)
        picks, others = numbers[1 + count :], np.empty(count, np.int64)
        # Floyd's algorithm favours late numbers in late places, so its picks are shuffled.
        order = uniforms(count, seed=self.seed, epoch=epoch, number=number, attempt=1, purpose=PRIOR_SETS)
        own = self._of_class[label]
        own = own[own != anchor]
        rest = np.flatnonzero(self.split.labels != label)
        for mask, pool in ((alike, own), (~alike, rest)):
            chosen = np.asarray(choose(picks[mask].tolist(), len(pool)), np.int64)
            others[mask] = pool[chosen][np.argsort(order[mask], kind="stable")]
        return np.concatenate([[anchor], others])

    def end(self, job: PictureJob) -> RandomBatch:
        """See `StepLoader`."""
        batch = super().end(job)
        if not self.prior.styles:
            return batch
        numbers = torch.from_numpy(np.stack([self._styles(job.epoch, one) for one in self.sets_of(job.step)]))
        images = batch.images.flatten(0, 1)
        numbers = numbers.to(images.device, torch.float32, non_blocking=True).flatten(0, 1)
        images = styled(images, numbers, mean=self._mean, std=self._std).view(batch.images.shape)
        return RandomBatch(batch.epoch, batch.step, images, batch.rows)

    def settings_of_state(self) -> dict[str, Any]:
        """See `StepLoader`."""
        return super().settings_of_state() | vars(self.prior)

    def _styles(self, epoch: int, number: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """(1 + P + N, NUMBERS): the anchor's person, the positives' own ones, the anchor's again."""
        positives, negatives = self.wanted["positives"], self.wanted["negatives"]
        drawn = uniforms((1 + positives) * NUMBERS, seed=self.seed, epoch=epoch, number=number, purpose=STYLES)
        people = drawn.reshape(1 + positives, NUMBERS)
        return np.concatenate([people, np.repeat(people[:1], negatives, axis=0)])
