"""Labelled pictures as tensors, step by step, prepared in the background."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Required, TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rmfer.data.augment import AugmentPlan
from rmfer.data.buffers import BufferPool
from rmfer.data.prefetch import BatchT, StepLoader
from rmfer.data.rng import LABELLED_AUGMENT
from rmfer.errors import RmferError
from rmfer.labelled.benchmark import Levels
from rmfer.labelled.filling import Filler, Filling
from rmfer.labelled.sampling import Balance, LabelledSampler, check_ranks
from rmfer.labelled.split import Int64s, Split


@dataclass(frozen=True)
class LabelledBatch:
    """The labelled pictures of one step of one rank.

    ``images`` (B, 3, H, W) float32: RGB, normalised, channels last in memory. ``labels`` (B,) int64: their classes.
    ``items`` (B,) int64: their numbers in the split, in memory even where the others are on a device. ``targets``: what
    is to be learnt: ``labels``, or with ``soft_labels`` (B, C) float32, the shares of the votes.
    """

    epoch: int
    step: int
    images: Tensor
    labels: Tensor
    items: Tensor
    targets: Tensor


@dataclass(frozen=True)
class PictureJob:
    """A step of images of a split on its way."""

    epoch: int
    step: int
    filling: Filling


class PictureOptions(TypedDict, total=False):
    """What every `PictureLoader` takes beside its split and the shape of its steps; see `LabelledLoader`."""

    mean: Required[Levels]
    std: Required[Levels]
    steps_per_epoch: Required[int]
    workers: int | None
    prefetch: int | None
    device: torch.device | str | None


class PictureLoader(StepLoader[PictureJob, BatchT]):
    """Images of a split, decoded and normalised by threads."""

    def __init__(
        self,
        split: Split,
        *,
        shape: tuple[int, ...],
        mean: Levels,
        std: Levels,
        steps_per_epoch: int,
        workers: int | None = None,
        prefetch: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        size = shape[-2]
        super().__init__(size=size, steps_per_epoch=steps_per_epoch, workers=workers, prefetch=prefetch, device=device)
        self.split = split
        self._buffers = BufferPool(shape, np.float32, pinned=self.on_gpu)
        self._filler = Filler(split, size=size, mean=mean, std=std, workers=self.workers)

    def close(self) -> None:
        """End the workers."""
        self._filler.close()

    def begin(self, epoch: int, step: int) -> PictureJob:
        """See `StepLoader`."""
        return PictureJob(epoch, step, self.fill(epoch, step))

    @abstractmethod
    def fill(self, epoch: int, step: int) -> Filling:
        """Let the workers make a step's images."""

    def cancel(self, job: PictureJob) -> None:
        """See `StepLoader`."""
        job.filling.cancel()

    def images_of(self, job: PictureJob) -> Tensor:
        """Wait for a step's images (n, 3, H, W), and send them to the device."""
        images = job.filling.wait()
        return images if self.stage is None else self.stage.send(images)

    def on_device(self, values: npt.NDArray[Any]) -> Tensor:
        """A few numbers as a tensor where the images are."""
        tensor = torch.from_numpy(values)
        # So little that the driver takes a copy at once; waiting for it would be waiting for all steps before.
        return tensor if self.device is None else tensor.to(self.device, non_blocking=True)

    def labelled(self, job: PictureJob, *, soft_labels: bool = False) -> LabelledBatch:
        """A step's images with their labels."""
        images, items = self.images_of(job), job.filling.items
        labels = self.on_device(self.split.labels[items])
        shares = self.split.shares if soft_labels else None
        targets = labels if shares is None else self.on_device(shares[items])
        return LabelledBatch(job.epoch, job.step, images, labels, torch.from_numpy(items), targets)


class LabelledLoader(PictureLoader[LabelledBatch]):
    """Iterates over the steps of an epoch, and with the next loop over those of the next.

    The same steps come whatever the number of workers; ranks together have the batches that one process alone has.

    Args:
        split: to train on.
        classes: 7 or 8.
        mean: of red, green, blue in [0, 1]: `Benchmark.mean`.
        std: of the same.
        batch_size: pictures a step, over all ranks.
        size: height and width, pixels.
        seed: of all draws.
        rank: of this process; it has the rank-th part of each batch.
        world_size: number of processes.
        balance: of the classes; see `LabelledSampler`.
        augment: the paper's augmentation (``rmfer.data.augment``), or none.
        soft_labels: let ``targets`` be the shares of the votes.
        workers: threads that decode; by default one for each core that may be used.
        prefetch: steps made ahead; by default half as many as workers, and at least two.
        device: to which batches go; None leaves them in memory.

    Raises:
        RmferError: settings that contradict each other, or a device that is not there.
        BenchmarkError: a class has no picture.

    Example:
        >>> with LabelledLoader(split, classes=8, mean=mean, std=std) as loader:  # doctest: +SKIP
        ...     for batch in loader:
        ...         train(batch.images, batch.labels)  # (32, 3, 260, 260), (32,)
    """

    def __init__(
        self,
        split: Split,
        *,
        classes: int,
        mean: Levels,
        std: Levels,
        batch_size: int = 32,
        size: int = 260,
        seed: int = 42,
        rank: int = 0,
        world_size: int = 1,
        balance: Balance = "weighted",
        augment: bool = True,
        soft_labels: bool = False,
        workers: int | None = None,
        prefetch: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        check_ranks(rank, world_size)
        if batch_size < 1 or batch_size % world_size:
            raise RmferError(f"batch_size {batch_size} is not a multiple of {world_size} processes")
        self.sampler = LabelledSampler(split, classes=classes, batch_size=batch_size, balance=balance, seed=seed)
        if soft_labels and split.shares is None:
            raise RmferError("soft_labels needs votes, which this benchmark has not", remedy="set soft_labels=false")
        self.augment, self.world_size, self.soft_labels = augment, world_size, soft_labels
        own = batch_size // world_size
        self._part = slice(rank * own, (rank + 1) * own)
        super().__init__(
            split,
            shape=(own, size, size, 3),
            mean=mean,
            std=std,
            steps_per_epoch=self.sampler.steps_per_epoch,
            workers=workers,
            prefetch=prefetch,
            device=device,
        )

    def settings_of_state(self) -> dict[str, Any]:
        """See `StepLoader`."""
        sampler = self.sampler
        return {
            "split": self.split.digest,
            "classes": sampler.classes,
            "batch_size": sampler.batch_size,
            "balance": sampler.balance,
            "seed": sampler.seed,
            "augment": self.augment,
            "soft_labels": self.soft_labels,
        }

    def end(self, job: PictureJob) -> LabelledBatch:
        """See `StepLoader`."""
        return self.labelled(job, soft_labels=self.soft_labels)

    def fill(self, epoch: int, step: int) -> Filling:
        """See `PictureLoader`."""
        sampler = self.sampler
        items, plan = sampler.batch(epoch, step)[self._part], None
        if self.augment:
            purpose = LABELLED_AUGMENT
            plan = AugmentPlan.of_set(
                sampler.batch_size, seed=sampler.seed, epoch=epoch, number=step, purpose=purpose
            ).part(self._part)
        return self._filler.start(items, self._buffers.take(), plan)


class EvalLoader(PictureLoader[LabelledBatch]):
    """Every picture of a split once, in order, unchanged; each loop starts again.

    Args:
        split: to evaluate on.
        mean: of red, green, blue in [0, 1]: `Benchmark.eval_mean`.
        std: of the same.
        batch_size: pictures a step of this rank; the last has what is left.
        size: height and width, pixels.
        rank: of this process; it has pictures rank, rank + world_size, ...
        world_size: number of processes.
        workers: threads that decode; by default one for each core that may be used.
        prefetch: steps made ahead; by default half as many as workers, and at least two.
        device: to which batches go; None leaves them in memory.

    Raises:
        RmferError: a setting is out of range, or a device that is not there.
    """

    def __init__(
        self,
        split: Split,
        *,
        mean: Levels,
        std: Levels,
        batch_size: int = 64,
        size: int = 260,
        rank: int = 0,
        world_size: int = 1,
        workers: int | None = None,
        prefetch: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        check_ranks(rank, world_size)
        if batch_size < 1:
            raise RmferError(f"batch_size {batch_size} is not a number from 1 on")
        self.batch_size = batch_size
        self._items: Int64s = np.arange(rank, len(split), world_size)
        super().__init__(
            split,
            shape=(batch_size, size, size, 3),
            mean=mean,
            std=std,
            steps_per_epoch=math.ceil(len(self._items) / batch_size),
            workers=workers,
            prefetch=prefetch,
            device=device,
        )

    def __iter__(self) -> Iterator[LabelledBatch]:
        self.set_epoch(0)
        return super().__iter__()

    def settings_of_state(self) -> dict[str, Any]:
        """See `StepLoader`."""
        return {"split": self.split.digest, "batch_size": self.batch_size}

    def end(self, job: PictureJob) -> LabelledBatch:
        """See `StepLoader`."""
        return self.labelled(job)

    def fill(self, epoch: int, step: int) -> Filling:
        """See `PictureLoader`."""
        items = self._items[step * self.batch_size : (step + 1) * self.batch_size]
        return self._filler.start(items, self._buffers.take()[: len(items)], None)
