"""An exponential moving average of the weights: what is evaluated and kept where ``ema`` is set."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from rmfer.model.network import RmferNet


class AveragedWeights:
    """A copy of a network that follows it: the same at first, then decay * itself + (1 - decay) * the network.

    Batch-norm's running statistics follow likewise, as those of the newest weights would not fit the averaged ones.
    torch's ``AveragedModel`` with the same rule would make a GPU wait in every step.

    Args:
        net: what is followed.
        decay: a step, in [0, 1).
    """

    def __init__(self, net: RmferNet, decay: float) -> None:
        self.net = copy.deepcopy(net)
        self._follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self._updates = 0

    @torch.no_grad()
    def update(self, net: RmferNet) -> None:
        """Follow ``net``, which has made a step."""
        own, new = _numbers(self.net), _numbers(net)
        if self._updates == 0:
            torch._foreach_copy_(own, new)
        else:
            self._follow(own, new, None)
        self._updates += 1

    def state_dict(self) -> dict[str, Any]:
        """To go on from."""
        return {"updates": self._updates, "net": self.net.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another was."""
        self._updates = state["updates"]
        self.net.load_state_dict(state["net"])


def _numbers(net: RmferNet) -> list[Tensor]:
    return [value for value in chain(net.parameters(), net.buffers()) if value.is_floating_point()]
