"""The losses of the steps since the log's last line, added up on the device, which need not be waited for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rmfer.distributed import Ranks
from rmfer.training.checkpointing import Position
from rmfer.training.finite import check_losses


class RunningLosses:
    """Sums of each of the objective's losses.

    Args:
        names: of the losses.
        at: where the run is, with the sums that a checkpoint holds.
        ranks: this process among others.
    """

    def __init__(self, names: Sequence[str], at: Position, ranks: Ranks) -> None:
        self._names, self._ranks = names, ranks
        self._sums = torch.tensor(at.sums or [0.0] * len(names), dtype=torch.float64, device=ranks.device)
        self.steps = at.summed

    def add(self, losses: Tensor) -> None:
        """The losses (L,) of a step."""
        self._sums += losses
        self.steps += 1

    def check(self, at: Position) -> None:
        """Make sure that they are numbers; looking makes a GPU wait.

        Raises:
            RmferError: one is not.
        """
        check_losses(dict(zip(self._names, self._sums.tolist(), strict=True)), at)

    def take_means(self) -> dict[str, float]:
        """The mean of each over the steps and processes; the sums start again from zero."""
        means = (self._ranks.sum(self._sums.clone()) / (self.steps * self._ranks.world_size)).tolist()
        self._sums.zero_()
        self.steps = 0
        return dict(zip(self._names, means, strict=True))

    def note(self, at: Position) -> None:
        """Write the sums down where a checkpoint finds them."""
        at.sums, at.summed = self._sums.tolist(), self.steps
