"""What is done to a step's labelled pictures on the device: one affine map each, and mixup."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rmfer.data.affine import NUMBERS, affine
from rmfer.data.rng import AFFINE, MIXUP, uniforms
from rmfer.distributed import Ranks
from rmfer.labelled.loader import LabelledBatch
from rmfer.losses.mixup import Mixed, mix
from rmfer.settings import TrainConfig


class PictureChanges:
    """Changes pictures as the settings say; how depends on seed, epoch and step alone.

    Args:
        config: flip, rotate, zoom, shift, mixup_alpha, seed.
        ranks: this process's pictures are its part of what one alone would change.
    """

    def __init__(self, config: TrainConfig, ranks: Ranks) -> None:
        self.config, self.ranks = config, ranks

    def __call__(self, batch: LabelledBatch) -> tuple[Tensor, Mixed | None]:
        """(B, 3, H, W) changed, and what they show besides their targets."""
        config, images = self.config, batch.images
        if config.moves_pictures:
            images = affine(
                images,
                self._numbers(batch),
                flip=config.flip,
                rotate=config.rotate,
                zoom=config.zoom,
                shift=config.shift,
            )
        if config.mixup_alpha:
            # Mixup (Table 4): one share for the batch.
            numbers = np.random.Philox(key=config.seed, counter=[0, batch.step, batch.epoch, MIXUP])
            generator = np.random.Generator(numbers)
            return mix(images, batch.targets, alpha=config.mixup_alpha, generator=generator)
        return images, None

    def _numbers(self, batch: LabelledBatch) -> Tensor:
        ranks, count = self.ranks, NUMBERS * len(batch.images)
        numbers = uniforms(
            count * ranks.world_size, seed=self.config.seed, epoch=batch.epoch, number=batch.step, purpose=AFFINE
        )
        return torch.from_numpy(numbers[ranks.rank * count : (ranks.rank + 1) * count]).view(-1, NUMBERS)
