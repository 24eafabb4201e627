"""Attention-based contrastive learning on anchor sets."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rmfer.losses.attention import similarity
from rmfer.losses.precision import in_float32


class Chosen(NamedTuple):
    """P_imp and N_imp: places (A, k) and (A, l), int64, among each anchor's positives and negatives."""

    positives: Tensor
    negatives: Tensor


@torch.no_grad()
def choose(anchor: Tensor, positives: Tensor, negatives: Tensor, *, gamma: float) -> Chosen:
    """The positives most similar to their anchor, and the negatives least similar; without gradient.

    Args:
        anchor: (A, D) projections.
        positives: (A, P, D), of other people at the same moment.
        negatives: (A, N, D), of the same person at other moments.
        gamma: the share that is kept, above 0 and up to 1: ceil(gamma P) and ceil(gamma N).

    Returns:
        The best first; of equals the one that stands first.
    """
    near = similarity(anchor[:, None], positives, tau=1)[:, 0].sort(dim=1, descending=True, stable=True)
    far = similarity(anchor[:, None], negatives, tau=1)[:, 0].sort(dim=1, stable=True)
    return Chosen(near.indices[:, : kept(positives.shape[1], gamma)], far.indices[:, : kept(negatives.shape[1], gamma)])


def kept(count: int, gamma: float) -> int:
    """ceil(gamma count).

    Example:
        >>> kept(50, 0.1), kept(50, 0.05), kept(100, 0.07)
        (5, 3, 7)
    """
    if not 0 < gamma <= 1:
        raise ValueError(f"gamma {gamma} is not above 0 and up to 1")
    return math.ceil(round(gamma * count, 9))  # 0.07 * 100 is above 7 in floating point


@in_float32
def acl_loss(anchor: Tensor, positives: Tensor, negatives: Tensor, *, tau: float, self_mask: bool = True) -> Tensor:
    """L_ACL = -log( sum over P_imp of exp(S) / sum over P_imp and N_imp of exp(S) ).

    Args:
        anchor: (A, D) projections.
        positives: (A, k, D), P_imp.
        negatives: (A, l, D), N_imp.
        tau: temperature.
        self_mask: False lets the anchor's similarity to itself, exp(1 / tau), join the denominator (Table 12, w/o SM).

    Returns:
        Scalar: the mean over anchors.
    """
    near = similarity(anchor[:, None], positives, tau=tau)[:, 0].logsumexp(dim=1)
    others = similarity(anchor[:, None], negatives, tau=tau)[:, 0]
    if not self_mask:
        others = torch.cat([others, torch.full_like(others[:, :1], 1 / tau)], dim=1)
    # -log(a / (a + b)) = -log sigmoid(log a - log b), which keeps its digits where b is small.
    return -logsigmoid(near - others.logsumexp(dim=1)).mean()
