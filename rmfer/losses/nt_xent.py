"""The contrastive loss of SimCLR (Chen et al., ICML 2020), which Table 9 compares with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rmfer.losses.attention import similarity
from rmfer.losses.precision import in_float32


@in_float32
def nt_xent_loss(a: Tensor, b: Tensor, *, tau: float) -> Tensor:
    """The normalised temperature-scaled cross-entropy: among all other views, each is to find its partner.

    Args:
        a: (N, D) projections of N faces' first views.
        b: (N, D) of their second views.
        tau: temperature.

    Returns:
        Scalar: the mean over all 2 N views.
    """
    views, count = torch.cat([a, b]), len(a)
    scores = similarity(views, views, tau=tau)
    itself = torch.eye(2 * count, dtype=torch.bool, device=views.device)
    partners = torch.arange(2 * count, device=views.device).roll(count)
    return cross_entropy(scores.masked_fill(itself, -torch.inf), partners)
