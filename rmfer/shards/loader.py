"""Anchor sets as tensors, step by step: drawn, read, decoded, augmented and normalised in the background."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rmfer.data.augment import AugmentPlan
from rmfer.data.buffers import BufferPool
from rmfer.data.prefetch import StepLoader
from rmfer.errors import RmferError, ShardError
from rmfer.shards.decode import Decoder, Filling, log
from rmfer.shards.images import ImageReader
from rmfer.shards.index import Index, open_index
from rmfer.shards.sampler import AnchorSampler, AnchorSet, SamplerSettings

Augment = Literal["cpu", "device", "later", "off"]
_AUGMENT = ("cpu", "device", "later", "off")
_DECODE = ("cpu", "cuda")
_REDRAWS = 50


@dataclass(frozen=True)
class AnchorBatch:
    """The anchor sets of one step of one rank.

    ``images`` (A, 1 + P + N, 3, H, W): each set's anchor, positives and negatives, RGB, channels last in memory;
    float32 and normalised, or with ``augment="later"`` uint8 as decoded, to be given to ``device.augment_batch`` with
    ``plan`` and then to ``device.normalize``. ``sets`` tell who they are; ``identities`` (A, 1 + P + N) int32 are their
    people within their videos.
    """

    epoch: int
    step: int
    images: Tensor
    sets: tuple[AnchorSet, ...]
    plan: AugmentPlan
    identities: npt.NDArray[np.int32]

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """(A, 1 + P + N) rows of the index."""
        return np.stack([drawn.rows for drawn in self.sets])


@dataclass
class _Job:
    epoch: int
    step: int
    sets: list[AnchorSet]
    filling: Filling


class AnchorLoader(StepLoader[_Job, AnchorBatch]):
    """Iterates over the steps of an epoch, and with the next loop over those of the next.

    The same steps come whatever the number of workers; a picture that cannot be read ends the loop with an error that
    names shard and row, or with ``skip_bad`` makes its set be drawn anew without it.

    Args:
        shards: the folder, or its index.
        settings: how sets are drawn.
        rank: of this process; see `AnchorSampler`.
        world_size: number of processes.
        steps_per_epoch: after how many steps an epoch ends.
        workers: threads that decode; by default one for each core that may be used.
        prefetch: steps made ahead; by default half as many as workers, and at least two.
        size: height and width of the pictures, pixels.
        augment: where: "cpu" by the workers, "device" by ``device``, "later" by the caller, "off" never.
        decode_on: "cpu", or "cuda" for nvJPEG on ``device``.
        exact_decoding: decode to the very levels that Pillow and OpenCV give; the workers' quicker decoding lies about
            1 of 255 levels from them on average (docs/training-store.md).
        grey: make the pictures grey, as those of a grey benchmark are.
        device: to which batches go; None leaves them in memory.
        skip_bad: go on without pictures that cannot be read; ``bad`` has them and why.

    Raises:
        RmferError: settings that contradict each other, a device that is not there, or shards that cannot serve.

    Example:
        >>> with AnchorLoader(Path("shards"), steps_per_epoch=100) as loader:  # doctest: +SKIP
        ...     for batch in loader:
        ...         train(batch.images)  # (1, 101, 3, 260, 260)
    """

    def __init__(
        self,
        shards: Path | Index,
        settings: SamplerSettings | None = None,
        *,
        rank: int = 0,
        world_size: int = 1,
        steps_per_epoch: int = 1000,
        workers: int | None = None,
        prefetch: int | None = None,
        size: int = 260,
        augment: Augment = "cpu",
        decode_on: Literal["cpu", "cuda"] = "cpu",
        exact_decoding: bool = False,
        grey: bool = False,
        device: torch.device | str | None = None,
        skip_bad: bool = False,
    ) -> None:
        _check(augment, decode_on, device, steps=steps_per_epoch)
        super().__init__(
            size=size,
            steps_per_epoch=steps_per_epoch,
            workers=workers,
            prefetch=prefetch,
            device=device,
            grey=grey,
        )
        index = shards if isinstance(shards, Index) else open_index(shards, skip_bad=skip_bad)
        self.sampler = AnchorSampler(index, settings, rank=rank, world_size=world_size)
        self.skip_bad, self.augment, self.decode_on, self.grey = skip_bad, augment, decode_on, grey
        self.bad: dict[int, ShardError] = {}
        drawn = self.sampler.settings
        self._shape = (drawn.anchors_per_step, drawn.set_size, size, size, 3)
        # Finished by the workers, or as bytes, a quarter of the size, by the device.
        self._finished = augment == "cpu" or (augment == "off" and not self.on_gpu)
        self._buffers = BufferPool(self._shape, np.float32 if self._finished else np.uint8, pinned=self.on_gpu)
        self._decoder = Decoder(ImageReader(index), size=size, workers=self.workers, exact=exact_decoding, grey=grey)

    def close(self) -> None:
        """End the workers."""
        self._decoder.close()

    def settings_of_state(self) -> dict[str, Any]:
        """See `StepLoader`."""
        sampler = self.sampler
        return {
            "world_size": sampler.world_size,
            "settings": vars(sampler.settings).copy(),
            "index": sampler.index.digest,
            "grey": self.grey,
        }

    def cancel(self, job: _Job) -> None:
        """See `StepLoader`."""
        for piece in job.filling.pieces:
            piece.cancel()

    def begin(self, epoch: int, step: int) -> _Job:
        """See `StepLoader`."""
        sets = self.sampler.step(epoch, step)
        count = self.sampler.settings.set_size
        seed = self.sampler.settings.seed
        if self.augment == "off":
            plan = AugmentPlan.none(count * len(sets))
        else:
            numbers = [drawn.number for drawn in sets]
            plan = AugmentPlan.join([AugmentPlan.of_set(count, seed=seed, epoch=epoch, number=n) for n in numbers])
        out = None if self.decode_on == "cuda" else self._buffers.take().flatten(0, 1)
        filling = Filling(np.concatenate([drawn.rows for drawn in sets]), out, plan)
        return _Job(epoch, step, sets, self._decoder.start(filling))

    def end(self, job: _Job) -> AnchorBatch:
        """See `StepLoader`."""
        self._mend(job)
        filling, shape = job.filling, self._shape
        if filling.out is None:
            assert self.stage is not None
            images, faults = self.stage.decode([file for file in filling.files if file is not None])
            if faults:
                place, message = faults[0]
                raise self._decoder.reader.fault(int(filling.rows[place]), message)
        else:
            images = filling.out.permute(0, 3, 1, 2)
        if self.stage is not None:
            images = self.stage.send(images)
        if not self._finished and self.augment != "later":
            assert self.stage is not None
            images = self.stage.finish(images, filling.plan)
        images = images.view(*shape[:2], *images.shape[1:])
        identities = self.sampler.index.identity[filling.rows].reshape(shape[:2])
        return AnchorBatch(job.epoch, job.step, images, tuple(job.sets), filling.plan, identities)

    def _mend(self, job: _Job) -> None:
        """Wait for a step's pictures; a set with unreadable pictures is drawn again without them."""
        count, avoid = self.sampler.settings.set_size, [set[int]() for _ in job.sets]
        filling = job.filling
        for _ in range(_REDRAWS):
            faults = filling.faults()
            if not faults:
                return
            if not self.skip_bad:
                raise faults[0][1]
            for place, error in faults:
                row = int(filling.rows[place])
                avoid[place // count].update(self._note(row, error))
            redrawn = sorted({place // count for place, _ in faults})
            for number in redrawn:
                drawn = self.sampler.draw(epoch=job.epoch, number=job.sets[number].number, avoid=sorted(avoid[number]))
                job.sets[number] = drawn
                filling.rows[number * count : (number + 1) * count] = drawn.rows
            places = [place for number in redrawn for place in range(number * count, (number + 1) * count)]
            self._decoder.start(filling, places)
        raise RmferError(
            f"step {job.step} meets more and more pictures that cannot be read, the last: {faults[0][1]}",
            remedy="mend the shards first",
        )

    def _note(self, row: int, error: ShardError) -> range | tuple[int]:
        """Remember a bad row; returns all rows that are as bad: its shard's, where the whole of it is."""
        if row not in self.bad:
            self.bad[row] = error
            log.warning("left out: %s", error)
        if error.row is not None:
            return (row,)
        index = self.sampler.index
        shard = index.shard_of(row)
        return range(int(index.shard_start[shard]), int(index.shard_start[shard + 1]))


def _check(augment: str, decode_on: str, device: object, *, steps: int) -> None:
    for name, value, allowed in (("augment", augment, _AUGMENT), ("decode_on", decode_on, _DECODE)):
        if value not in allowed:
            raise RmferError(f"{name} {value!r} is none of {', '.join(allowed)}")
    if augment == "device" and device is None:
        raise RmferError("augment='device' without a device", remedy="name one, for example device='cuda'")
    if decode_on == "cuda" and (device is None or torch.device(str(device)).type != "cuda" or augment == "cpu"):
        raise RmferError(
            "decode_on='cuda' needs a device 'cuda' and augmentation that is not on the CPU",
            remedy="use for example device='cuda', augment='device'",
        )
    if steps < 1:
        raise RmferError(f"steps_per_epoch {steps} is not a number from 1 on")
