"""Labelled pictures as tensors, step by step, made ahead of whoever trains or evaluates."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rmfer.data.augment import AugmentPlan
from rmfer.data.buffers import BufferPool
from rmfer.data.device import DeviceStage, check_device
from rmfer.data.rng import LABELLED_AUGMENT
from rmfer.errors import RmferError
from rmfer.labelled.benchmark import Levels
from rmfer.labelled.filling import Filler, Filling
from rmfer.labelled.sampling import Balance, LabelledSampler, check_ranks
from rmfer.labelled.split import Int64s, Split
from rmfer.resuming import refuse_differences
from rmset_builder.core.machine import usable_cores


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


class PictureLoader:
    """What all loaders of a split share: pictures made some steps ahead, and a place in the epoch to go on from."""

    soft_labels = False

    def __init__(
        self,
        split: Split,
        *,
        shape: tuple[int, ...],
        mean: Levels,
        std: Levels,
        steps_per_epoch: int,
        workers: int | None,
        prefetch: int | None,
        device: torch.device | str | None,
    ) -> None:
        for name, number, least in (("size", shape[-2], 8), ("workers", workers, 1), ("prefetch", prefetch, 0)):
            if number is not None and number < least:
                raise RmferError(f"{name} {number} is not a number from {least} on")
        self.split, self.steps_per_epoch = split, steps_per_epoch
        self.epoch = self.step = 0
        self.device = None if device is None else torch.device(device)
        if self.device is not None:
            check_device(self.device)
        workers = workers or usable_cores()
        self.prefetch = max(2, workers // 2) if prefetch is None else prefetch
        on_gpu = self.device is not None and self.device.type == "cuda"
        self._stage = DeviceStage(self.device, size=shape[-2]) if self.device is not None else None
        self._buffers = BufferPool(shape, np.float32, pinned=on_gpu)
        self._filler = Filler(split, size=shape[-2], mean=mean, std=std, workers=workers)

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._filler.close()

    def set_epoch(self, epoch: int) -> None:
        """Go to the first step of ``epoch``."""
        self.epoch, self.step = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: the step that comes next, and what it depends on."""
        return {"epoch": self.epoch, "step": self.step, "steps_per_epoch": self.steps_per_epoch, **self._settings()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another loader was.

        Raises:
            RmferError: it was made of other settings or another split, so the steps to come would be others.
        """
        refuse_differences(
            state,
            self.state_dict(),
            what="the loader cannot go on from this state",
            remedy="use the settings and benchmark of then, or begin anew without the state",
            free=("epoch", "step"),
        )
        self.epoch, self.step = state["epoch"], state["step"]

    def _settings(self) -> dict[str, Any]:
        raise NotImplementedError

    def _begin(self, epoch: int, step: int) -> Filling:
        raise NotImplementedError

    def _steps(self) -> Iterator[tuple[int, int, Filling, Tensor]]:
        """Epoch, step, what was asked for, and its pictures (n, 3, H, W), to the end of the epoch."""
        epoch, steps = self.epoch, iter(range(self.step, self.steps_per_epoch))
        jobs: deque[tuple[int, Filling]] = deque()
        ready: deque[tuple[int, Filling, Tensor]] = deque()
        # A device works while the next batch is on its way to it.
        ahead = 1 if self._stage is not None else 0
        try:
            while True:
                while len(jobs) <= self.prefetch and (step := next(steps, None)) is not None:
                    jobs.append((step, self._begin(epoch, step)))
                if jobs:
                    step, filling = jobs.popleft()
                    images = filling.wait()
                    ready.append((step, filling, images if self._stage is None else self._stage.send(images)))
                if not ready:
                    break
                if len(ready) > ahead or not jobs:
                    step, filling, images = ready.popleft()
                    self.epoch, self.step = epoch, step + 1
                    if self.step >= self.steps_per_epoch:
                        self.set_epoch(epoch + 1)
                    if self._stage is not None:
                        self._stage.wait_for(images)
                    yield epoch, step, filling, images
                    del filling, images
        finally:
            for _, filling in jobs:
                filling.cancel()

    def _labelled(self) -> Iterator[LabelledBatch]:
        for epoch, step, filling, images in self._steps():
            labels = self._on_device(self.split.labels[filling.items])
            targets = labels
            if self.soft_labels and self.split.shares is not None:
                targets = self._on_device(self.split.shares[filling.items])
            yield LabelledBatch(epoch, step, images, labels, torch.from_numpy(filling.items), targets)
            del images

    def _on_device(self, values: npt.NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(values)
        # So little that the driver takes a copy at once; waiting for it would be waiting for all steps before.
        return tensor if self.device is None else tensor.to(self.device, non_blocking=True)


class LabelledLoader(PictureLoader):
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

    def __iter__(self) -> Iterator[LabelledBatch]:
        return self._labelled()

    def _settings(self) -> dict[str, Any]:
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

    def _begin(self, epoch: int, step: int) -> Filling:
        sampler = self.sampler
        items, plan = sampler.batch(epoch, step)[self._part], None
        if self.augment:
            purpose = LABELLED_AUGMENT
            plan = AugmentPlan.of_set(
                sampler.batch_size, seed=sampler.seed, epoch=epoch, number=step, purpose=purpose
            ).part(self._part)
        return self._filler.start(items, self._buffers.take(), plan)


class EvalLoader(PictureLoader):
    """Every picture of a split once, in order, as it is; each loop does so anew.

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
        return self._labelled()

    def _settings(self) -> dict[str, Any]:
        return {"split": self.split.digest, "batch_size": self.batch_size}

    def _begin(self, epoch: int, step: int) -> Filling:
        items = self._items[step * self.batch_size : (step + 1) * self.batch_size]
        return self._filler.start(items, self._buffers.take()[: len(items)], None)
