"""An exponential moving average of the weights: what is evaluated and kept where ``ema`` is set."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn, update_bn

from rmfer.labelled.split import Split
from rmfer.model.network import RmferNet
from rmfer.training.batch_norm import statistics_of

# Training pictures that batch-norm's statistics of averaged weights are taken from.
PICTURES = 8192


class AveragedWeights:
    """A copy of a network that follows it: the same at first, then decay * itself + (1 - decay) * the network.

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
        own, new = (list[Tensor](each.parameters()) for each in (self.net, net))
        if self._updates == 0:
            torch._foreach_copy_(own, new)
        else:
            self._follow(own, new, None)
        self._updates += 1

    def take_statistics(self, images: Iterable[Tensor]) -> None:
        """Let batch-norm's running statistics be those of ``images`` (B, 3, H, W), all batches counting alike.

        Averages of the network's own would not do: what is noise in the weights falls out of their average, so that
        its activations vary less, by far where the learning rate is high.
        """
        if statistics_of(self.net):
            update_bn(images, self.net)

    def state_dict(self) -> dict[str, Any]:
        """To go on from."""
        return {"updates": self._updates, "net": self.net.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another was."""
        self._updates = state["updates"]
        self.net.load_state_dict(state["net"])


def sample_of(split: Split, batch_size: int) -> Split:
    """At most `PICTURES` of ``split`` in a random order, always the same; whole batches, if there is one."""
    count = min(len(split), PICTURES)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    return split.part(order[: max(count - count % batch_size, min(count, batch_size))].numpy())
