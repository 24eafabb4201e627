"""Inter-sample attention learning."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import cross_entropy

from rmfer.losses.attention import attention
from rmfer.losses.precision import in_float32


@in_float32
def ial_loss(
    f: Tensor,
    z: Tensor,
    labels: Tensor,
    head: Callable[[Tensor], Tensor],
    *,
    tau: float,
    self_mask: bool = True,
    all_f: Tensor | None = None,
    all_z: Tensor | None = None,
    offset: int = 0,
) -> Tensor:
    """L_IAL = CE(h_att(A f), y): each face is classified by the features of those that it attends to.

    Args:
        f: (B, D) features of this process's labelled faces.
        z: (B, D) their projections.
        labels: (B,) int64, or (B, C) float32, how likely each expression is.
        head: h_att, (B, D) to logits (B, C); a module with float32 weights.
        tau: temperature.
        self_mask: see `attention`.
        all_f: (K, D) features of the faces of all processes; None: ``f``.
        all_z: (K, D) their projections; None: ``z``.
        offset: where in them this process's faces begin.

    Returns:
        Scalar: the mean over this process's faces.
    """
    weights = attention(z, tau=tau, self_mask=self_mask, keys=all_z, offset=offset)
    return cross_entropy(head(weights @ (f if all_f is None else all_f)), labels)
