"""Random faces of shards, as many a step, prepared in the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rmfer.data.augment import AugmentPlan
from rmfer.data.buffers import BufferPool
from rmfer.data.prefetch import StepLoader
from rmfer.data.rng import FACES, uniforms
from rmfer.errors import RmferError
from rmfer.shards.decode import Decoder, Filling
from rmfer.shards.images import ImageReader
from rmfer.shards.index import Index


@dataclass(frozen=True)
class FaceBatch:
    """Faces of one step of one rank: (copies B, 3, H, W) float32 RGB, normalised, channels last in memory."""

    epoch: int
    step: int
    images: Tensor


@dataclass
class FaceJob:
    """A step on its way."""

    epoch: int
    step: int
    filling: Filling


class FaceLoader(StepLoader[FaceJob, FaceBatch]):
    """Draws faces of all shards alike; they depend on the seed and the step alone.

    Args:
        index: of the shards.
        batch_size: faces a step, over all ranks.
        copies: how often each comes, one whole batch after another.
        steps_per_epoch: after how many steps an epoch ends; None: when as many were drawn as there are.
        size: height and width, pixels.
        seed: of all draws.
        rank: of this process; it has the rank-th part of each step.
        world_size: number of processes.
        augment: the paper's augmentation (``rmfer.data.augment``), each copy by itself, or none.
        grey: make the pictures grey.
        workers: threads that decode; by default one for each core that may be used.
        prefetch: steps made ahead; by default half as many as workers, and at least two.
        device: to which batches go; None leaves them in memory.

    Raises:
        RmferError: there are fewer faces than a step needs, or they cannot be shared equally.
    """

    def __init__(
        self,
        index: Index,
        *,
        batch_size: int,
        copies: int = 1,
        steps_per_epoch: int | None = None,
        size: int = 260,
        seed: int = 42,
        rank: int = 0,
        world_size: int = 1,
        augment: bool = True,
        grey: bool = False,
        workers: int | None = None,
        prefetch: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        if batch_size % world_size:
            raise RmferError(f"{batch_size} faces a step cannot be shared by {world_size} processes")
        if len(index) < batch_size:
            raise RmferError(
                f"{index.folder} has {len(index):,} faces, fewer than the {batch_size} of a step",
                remedy="extract more videos, or use smaller batches",
            )
        super().__init__(
            size=size,
            steps_per_epoch=steps_per_epoch or max(1, len(index) // batch_size),
            workers=workers,
            prefetch=prefetch,
            device=device,
            grey=grey,
        )
        self.index, self.batch_size, self.copies, self.seed = index, batch_size, copies, seed
        self.rank, self.world_size, self.augment = rank, world_size, augment
        self.own = batch_size // world_size
        self._buffers = BufferPool((copies * self.own, size, size, 3), np.float32, pinned=self.on_gpu)
        self._decoder = Decoder(ImageReader(index), size=size, workers=self.workers, exact=False, grey=grey)

    def close(self) -> None:
        """End the workers."""
        self._decoder.close()

    def settings_of_state(self) -> dict[str, Any]:
        """See `StepLoader`."""
        return {"index": self.index.digest, "batch_size": self.batch_size, "copies": self.copies, "seed": self.seed}

    def cancel(self, job: FaceJob) -> None:
        """See `StepLoader`."""
        for piece in job.filling.pieces:
            piece.cancel()

    def begin(self, epoch: int, step: int) -> FaceJob:
        """See `StepLoader`."""
        numbers = uniforms(self.batch_size, seed=self.seed, epoch=epoch, number=step, purpose=FACES)
        rows = (numbers * len(self.index)).astype(np.int64)[self.rank * self.own : (self.rank + 1) * self.own]
        count = self.copies * self.own
        number = step * self.world_size + self.rank
        how = AugmentPlan.of_set(count, seed=self.seed, epoch=epoch, number=number)
        plan = how if self.augment else AugmentPlan.none(count)
        filling = Filling(np.tile(rows, self.copies), self._buffers.take(), plan)
        return FaceJob(epoch, step, self._decoder.start(filling))

    def end(self, job: FaceJob) -> FaceBatch:
        """See `StepLoader`."""
        for _, fault in job.filling.faults():
            raise fault
        assert job.filling.out is not None
        images = job.filling.out.permute(0, 3, 1, 2)
        return FaceBatch(job.epoch, job.step, images if self.stage is None else self.stage.send(images))
