"""What the supplement measures of projections: cosines, what attention filters, attention between like faces."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from rmfer.losses.acl import kept
from rmfer.losses.attention import attention

_BLOCK = 512


def cosine_difference(z: Tensor, labels: Tensor, *, include_diagonal: bool = False) -> float:
    """Mean cosine of pairs with the same label minus that of pairs with different ones (Tables 6 and 13).

    From the sums of each class, so that it takes memory for n D numbers and no n x n matrix.

    Args:
        z: (n, D).
        labels: (n,) int64, from 0.
        include_diagonal: count a face and itself as a pair too, as the authors' code does.

    Returns:
        In [-2, 2]; NaN where there are no pairs of either kind.
    """
    unit = normalize(z.double(), dim=1)
    members = one_hot(labels).double()
    sums, counts = members.T @ unit, members.sum(0)
    own = 0.0 if include_diagonal else unit.square().sum().item()
    same, every = sums.square().sum().item(), unit.sum(0).square().sum().item()
    same_pairs = counts.square().sum().item() - (0 if include_diagonal else len(z))
    other_pairs = len(z) ** 2 - counts.square().sum().item()
    if not same_pairs or not other_pairs:
        return float("nan")
    return float((same - own) / same_pairs - (every - same) / other_pairs)


def filter_ratio(z: Tensor, labels: Tensor, *, gamma: float, block: int = _BLOCK) -> float:
    """The share of each face's ceil(gamma (n - 1)) most similar others that have its label; their mean (Table 12).

    Args:
        z: (n, D).
        labels: (n,) int64.
        gamma: above 0 and up to 1.
        block: faces that are compared with all others at a time; memory is for some block x n matrices.

    Returns:
        In [0, 1]. Of equally similar ones those that stand first count.
    """
    unit, right = normalize(z.double(), dim=1), 0
    count = kept(len(z) - 1, gamma)
    for begin in range(0, len(z), block):
        own = torch.arange(begin, min(begin + block, len(z)), device=z.device)
        near = unit[own] @ unit.T
        near[torch.arange(len(own), device=z.device), own] = -torch.inf
        chosen = near.sort(dim=1, descending=True, stable=True).indices[:, :count]
        right += int((labels[chosen] == labels[own, None]).sum())
    return right / (len(z) * count)


def same_label_attention(z: Tensor, labels: Tensor, *, tau: float, self_mask: bool = True) -> float:
    """Mean of A_ij over i != j of the same label, in one batch (Fig. 1).

    Args:
        z: (B, D).
        labels: (B,).
        tau: temperature.
        self_mask: as in training.

    Returns:
        In [0, 1]; NaN where no two have the same label.
    """
    same = labels[:, None] == labels[None]
    same.fill_diagonal_(False)
    return float(attention(z, tau=tau, self_mask=self_mask)[same].mean())
