"""Random pictures of a split, whose labels are not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from torch import Tensor

from rmfer.data.rng import UNLABELLED, uniforms
from rmfer.errors import BenchmarkError
from rmfer.labelled.filling import Filling
from rmfer.labelled.loader import PictureJob, PictureLoader, PictureOptions
from rmfer.labelled.sampling import check_ranks
from rmfer.labelled.split import Split


@dataclass(frozen=True)
class UnlabelledBatch:
    """Pictures of one step of one rank: (B, 3, H, W) float32 RGB, normalised, channels last in memory."""

    epoch: int
    step: int
    images: Tensor


class RandomPictures(PictureLoader[UnlabelledBatch]):
    """Draws pictures of a split, with replacement between steps and within them.

    Args:
        split: of which pictures.
        batch_size: pictures a step, over all ranks.
        size: height and width, pixels.
        seed: of all draws.
        rank: of this process; it has the rank-th part of each batch.
        world_size: number of processes.
        pictures: levels, steps, workers and device.

    Raises:
        BenchmarkError: the split has no pictures.
        RmferError: a setting is out of range, or a device that is not there.
    """

    def __init__(
        self,
        split: Split,
        *,
        batch_size: int,
        size: int = 260,
        seed: int = 42,
        rank: int = 0,
        world_size: int = 1,
        **pictures: Unpack[PictureOptions],
    ) -> None:
        check_ranks(rank, world_size)
        if not len(split):
            raise BenchmarkError(
                split.name, "has no pictures beside the labelled ones", remedy="label a part: --set labelled=4000"
            )
        self.batch_size, self.seed, self.world_size = batch_size, seed, world_size
        own = batch_size // world_size
        self._part = slice(rank * own, (rank + 1) * own)
        super().__init__(split, shape=(own, size, size, 3), **pictures)

    def settings_of_state(self) -> dict[str, Any]:
        """See `StepLoader`."""
        return {"split": self.split.digest, "batch_size": self.batch_size, "seed": self.seed}

    def fill(self, epoch: int, step: int) -> Filling:
        """See `PictureLoader`."""
        numbers = uniforms(self.batch_size, seed=self.seed, epoch=epoch, number=step, purpose=UNLABELLED)
        items = (numbers * len(self.split)).astype(np.int64)[self._part]
        return self._filler.start(items, self._buffers.take(), None)

    def end(self, job: PictureJob) -> UnlabelledBatch:
        """See `StepLoader`."""
        return UnlabelledBatch(job.epoch, job.step, self.images_of(job))
