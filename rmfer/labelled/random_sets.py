"""Anchor sets of random pictures, labelled ones or CelebA's (method.md, "The rows of the tables")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rmfer.data.augment import AugmentPlan
from rmfer.data.rng import RANDOM_SETS, RANDOM_SETS_AUGMENT, choose, uniforms
from rmfer.errors import BenchmarkError, RmferError
from rmfer.labelled.benchmark import Levels
from rmfer.labelled.filling import Filling
from rmfer.labelled.loader import PictureJob, PictureLoader
from rmfer.labelled.sampling import check_ranks
from rmfer.labelled.split import Int64s, Split


@dataclass(frozen=True)
class RandomBatch:
    """The anchor sets of one step of one rank, as ``rmfer.shards.AnchorBatch`` has them.

    ``images`` (A, 1 + P + N, 3, H, W) float32: each set's anchor, positives and negatives, RGB, normalised, channels
    last in memory. ``rows`` (A, 1 + P + N): their numbers in the split. Nobody says who they are.
    """

    epoch: int
    step: int
    images: Tensor
    rows: Int64s
    identities: None = None


class RandomSets(PictureLoader[RandomBatch]):
    """Draws a random anchor and so many random others, all different; iterated over as `rmfer.shards.AnchorLoader` is.

    Args:
        split: of which pictures.
        mean: of red, green, blue in [0, 1]: `Benchmark.mean`.
        std: of the same.
        positives: P, others that count as positives.
        negatives: N, others that count as negatives.
        anchors_per_step: sets a step and rank.
        steps_per_epoch: after how many steps an epoch ends.
        size: height and width, pixels.
        seed: of all draws.
        rank: of this process.
        world_size: how many processes draw; together they draw what one alone would.
        augment: the paper's augmentation (``rmfer.data.augment``), or none.
        workers: threads that decode; by default one for each core that may be used.
        prefetch: steps made ahead; by default half as many as workers, and at least two.
        device: to which batches go; None leaves them in memory.

    Raises:
        BenchmarkError: the split has fewer than 1 + P + N pictures.
        RmferError: a setting is out of range, or a device that is not there.
    """

    def __init__(
        self,
        split: Split,
        *,
        mean: Levels,
        std: Levels,
        positives: int = 50,
        negatives: int = 50,
        anchors_per_step: int = 1,
        steps_per_epoch: int = 1000,
        size: int = 260,
        seed: int = 42,
        rank: int = 0,
        world_size: int = 1,
        augment: bool = True,
        workers: int | None = None,
        prefetch: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        check_ranks(rank, world_size)
        wanted = {"positives": positives, "negatives": negatives, "anchors_per_step": anchors_per_step}
        for name, number in (wanted | {"steps_per_epoch": steps_per_epoch}).items():
            if number < 1:
                raise RmferError(f"{name} {number} is not a number from 1 on")
        self.set_size = 1 + positives + negatives
        if len(split) < self.set_size:
            raise BenchmarkError(
                split.name,
                f"has {len(split):,} pictures, too few for an anchor, {positives} positives and {negatives} negatives",
                remedy="use a larger benchmark, or fewer positives and negatives",
            )
        self.rank, self.world_size, self.seed, self.augment = rank, world_size, seed, augment
        self.wanted = wanted
        super().__init__(
            split,
            shape=(anchors_per_step * self.set_size, size, size, 3),
            mean=mean,
            std=std,
            steps_per_epoch=steps_per_epoch,
            workers=workers,
            prefetch=prefetch,
            device=device,
        )

    def end(self, job: PictureJob) -> RandomBatch:
        """See `StepLoader`."""
        images, shape = self.images_of(job), (self.wanted["anchors_per_step"], self.set_size)
        return RandomBatch(
            job.epoch, job.step, images.view(*shape, *images.shape[1:]), job.filling.items.reshape(shape)
        )

    def draw(self, *, epoch: int, number: int) -> Int64s:
        """(1 + P + N,) pictures of set ``number`` of ``epoch``: the anchor, the positives, the negatives."""
        numbers = uniforms(self.set_size, seed=self.seed, epoch=epoch, number=number, purpose=RANDOM_SETS).tolist()
        anchor = int(numbers[0] * len(self.split))
        # Of all but the anchor; Floyd's algorithm favours late numbers in late places, so its picks are shuffled.
        others = np.asarray(choose(numbers[1:], len(self.split) - 1), np.int64)
        order = uniforms(len(others), seed=self.seed, epoch=epoch, number=number, attempt=1, purpose=RANDOM_SETS)
        others = others[np.argsort(order, kind="stable")]
        return np.concatenate([[anchor], others + (others >= anchor)])

    def settings_of_state(self) -> dict[str, Any]:
        """See `StepLoader`."""
        own = {"split": self.split.digest, "seed": self.seed, "world_size": self.world_size, "augment": self.augment}
        return own | self.wanted

    def sets_of(self, step: int) -> range:
        """The numbers of this rank's sets of a step."""
        count = self.wanted["anchors_per_step"]
        first = (step * self.world_size + self.rank) * count
        return range(first, first + count)

    def fill(self, epoch: int, step: int) -> Filling:
        """See `PictureLoader`."""
        numbers = self.sets_of(step)
        items = np.concatenate([self.draw(epoch=epoch, number=number) for number in numbers])
        plan = None
        if self.augment:
            how = {"seed": self.seed, "epoch": epoch, "purpose": RANDOM_SETS_AUGMENT}
            plan = AugmentPlan.join([AugmentPlan.of_set(self.set_size, number=number, **how) for number in numbers])
        return self._filler.start(items, self._buffers.take(), plan)
