"""What all loaders share: steps made ahead, a place in the epoch to go on from, and the way to a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

from rmfer.data.device import DeviceStage, check_device
from rmfer.errors import RmferError
from rmfer.resuming import refuse_differences
from rmset_builder.core.machine import usable_cores


class Batch(Protocol):
    """What a loader gives: of which step, and its images."""

    @property
    def step(self) -> int:
        """Of the epoch, from 0."""

    @property
    def images(self) -> Tensor:
        """On the loader's device."""


JobT = TypeVar("JobT")
BatchT = TypeVar("BatchT", bound=Batch)


class StepLoader(ABC, Generic[JobT, BatchT]):
    """Iterates over the steps of an epoch, and with the next loop over those of the next.

    A subclass says what a step asks for (`begin`, which returns at once) and what comes of it (`end`, which waits).

    Args:
        size: height and width of the images, pixels.
        steps_per_epoch: after how many steps an epoch ends.
        workers: threads that decode; by default one for each core that may be used.
        prefetch: steps made ahead; by default half as many as workers, and at least two.
        device: to which batches go; None leaves them in memory.
        grey: the images are grey.

    Raises:
        RmferError: a number is out of range, or a device that is not there.
    """

    def __init__(
        self,
        *,
        size: int,
        steps_per_epoch: int,
        workers: int | None,
        prefetch: int | None,
        device: torch.device | str | None,
        grey: bool = False,
    ) -> None:
        for name, number, least in (("workers", workers, 1), ("size", size, 8), ("prefetch", prefetch, 0)):
            if number is not None and number < least:
                raise RmferError(f"{name} {number} is not a number from {least} on")
        self.steps_per_epoch = steps_per_epoch
        self.epoch = self.step = 0
        self.device = None if device is None else torch.device(device)
        if self.device is not None:
            check_device(self.device)
        self.workers = workers or usable_cores()
        self.prefetch = max(2, self.workers // 2) if prefetch is None else prefetch
        self.on_gpu = self.device is not None and self.device.type == "cuda"
        self.stage = DeviceStage(self.device, size=size, grey=grey) if self.device is not None else None

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """End the workers."""

    @abstractmethod
    def settings_of_state(self) -> dict[str, Any]:
        """What the steps to come depend on."""

    @abstractmethod
    def begin(self, epoch: int, step: int) -> JobT:
        """Let the workers make a step."""

    @abstractmethod
    def end(self, job: JobT) -> BatchT:
        """Wait for it, and send it to the device."""

    @abstractmethod
    def cancel(self, job: JobT) -> None:
        """Cancel the parts that have not begun."""

    def set_epoch(self, epoch: int) -> None:
        """Go to the first step of ``epoch``."""
        self.epoch, self.step = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: the step that comes next, and what it depends on."""
        place = {"epoch": self.epoch, "step": self.step, "steps_per_epoch": self.steps_per_epoch}
        return place | self.settings_of_state()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another loader was.

        Raises:
            RmferError: it was made of other settings or data, so the steps to come would be others.
        """
        refuse_differences(
            state,
            self.state_dict(),
            what="the loader cannot go on from this state",
            remedy="use the settings and data of then, or begin anew without the state",
            free=("epoch", "step"),
        )
        self.epoch, self.step = state["epoch"], state["step"]

    def __iter__(self) -> Iterator[BatchT]:
        epoch, steps = self.epoch, iter(range(self.step, self.steps_per_epoch))
        jobs: deque[JobT] = deque()
        ready: deque[BatchT] = deque()
        # A device works while the next batch is on its way to it.
        ahead = 1 if self.stage is not None else 0
        try:
            while True:
                while len(jobs) <= self.prefetch and (step := next(steps, None)) is not None:
                    jobs.append(self.begin(epoch, step))
                if jobs:
                    ready.append(self.end(jobs.popleft()))
                if not ready:
                    break
                if len(ready) > ahead or not jobs:
                    batch = ready.popleft()
                    self.epoch, self.step = epoch, batch.step + 1
                    if self.step >= self.steps_per_epoch:
                        self.set_epoch(epoch + 1)
                    if self.stage is not None:
                        self.stage.wait_for(batch.images)
                    yield batch
                    # Its memory is used again as soon as the caller has let go of it.
                    del batch
        finally:
            for job in jobs:
                self.cancel(job)
