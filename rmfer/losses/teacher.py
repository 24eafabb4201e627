"""A teacher: a copy of the network whose weights follow it as their exponential moving average."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from rmfer.model.network import RmferNet


class Teacher(nn.Module):
    """What methods compare a network with; remembered in checkpoints, and never trained.

    Args:
        net: is copied.
    """

    def __init__(self, net: RmferNet) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).requires_grad_(False)

    @torch.no_grad()
    def follow(self, net: RmferNet, decay: float, *, with_statistics: bool) -> None:
        """Weights become ``decay`` of what they were and the rest of ``net``'s.

        Args:
            net: which has made a step.
            decay: in [0, 1]; 0 copies.
            with_statistics: take over batch-norm's statistics, which else are the teacher's own.
        """
        own, new = (list[Tensor](each.parameters()) for each in (self.net, net))
        torch._foreach_lerp_(own, new, 1 - decay)
        if with_statistics:
            for mine, theirs in zip(self.net.buffers(), net.buffers(), strict=True):
                mine.copy_(theirs)
