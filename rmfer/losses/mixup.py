"""Mixup (Zhang et al., ICLR 2018), which Table 4 compares with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rmfer.losses.precision import in_float32


class Mixed(NamedTuple):
    """What mixed pictures show besides their first labels: second labels, and the first ones' share."""

    labels: Tensor
    share: float


def mix(images: Tensor, labels: Tensor, *, alpha: float, generator: np.random.Generator) -> tuple[Tensor, Mixed]:
    """Mix every picture of a batch with another (now and then with itself), all in the same proportion.

    Args:
        images: (B, ...) float.
        labels: (B,) int64, or (B, C) float32, how likely each expression is.
        alpha: of the Beta(alpha, alpha) distribution that the first picture's share is drawn from.
        generator: draws the share and who is mixed with whom.

    Returns:
        The mixed pictures, in the layout of ``images``, and their second labels.
    """
    share = float(generator.beta(alpha, alpha))
    others = torch.from_numpy(generator.permutation(len(images))).to(images.device)
    return torch.lerp(images, images[others], 1 - share), Mixed(labels[others], share)


@in_float32
def mixup_loss(logits: Tensor, labels: Tensor, others: Tensor, share: float) -> Tensor:
    """share CE(logits, labels) + (1 - share) CE(logits, others), a scalar.

    Args:
        logits: (B, C) of mixed pictures.
        labels: (B,) int64 or (B, C) float32, their first labels.
        others: their second labels, likewise.
        share: of the first.
    """
    return share * cross_entropy(logits, labels) + (1 - share) * cross_entropy(logits, others)
