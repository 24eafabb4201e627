"""Similarity and inter-sample attention."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from rmfer.errors import RmferError
from rmfer.losses.precision import in_float32


@in_float32
def similarity(a: Tensor, b: Tensor, *, tau: float) -> Tensor:
    """S = cos(a_i, b_j) / tau.

    Args:
        a: (..., n, D).
        b: (..., m, D).
        tau: temperature.

    Returns:
        (..., n, m), float32 (float64 of float64).
    """
    return normalize(a, dim=-1) @ normalize(b, dim=-1).mT / tau


@in_float32
def attention(
    z: Tensor, *, tau: float = 0.25, self_mask: bool = True, keys: Tensor | None = None, offset: int = 0
) -> Tensor:
    """A: how much each face of a batch attends to each; every row adds up to 1.

    Args:
        z: (B, D) projections of this process's faces.
        tau: temperature.
        self_mask: a face does not attend to itself: the diagonal is left out before the softmax (Sec. 6.2).
        keys: (K, D) projections of the faces of all processes; None: ``z``.
        offset: where in ``keys`` this process's faces begin.

    Returns:
        (B, K), float32 (float64 of float64).

    Raises:
        RmferError: a face has no other to attend to.
    """
    scores = similarity(z, z if keys is None else keys, tau=tau)
    if self_mask:
        if scores.shape[1] < 2:
            raise RmferError("attention between faces needs two of them", remedy="use a larger batch_size")
        own = torch.arange(len(z), device=z.device)
        itself = torch.zeros_like(scores, dtype=torch.bool)
        itself[own, own + offset] = True
        scores = scores.masked_fill(itself, -torch.inf)
    return scores.softmax(dim=1)
