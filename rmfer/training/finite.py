"""A training that came to grief: found before anything of it is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from rmfer.errors import RmferError
from rmfer.training.checkpointing import Position


def check_losses(sums: Mapping[str, float], at: Position) -> None:
    """Make sure that the losses since the log's last line, added up, are numbers.

    Raises:
        RmferError: one is not.
    """
    if all(map(math.isfinite, sums.values())):
        return
    told = ", ".join(f"{name} {value:.4g}" for name, value in sums.items())
    raise _diverged(at, f"the loss is no longer a finite number (sums since the last line of the log: {told})")


def check_weights(weights: Mapping[str, Tensor], at: Position) -> None:
    """Make sure that ``weights`` are numbers: a step may spoil them though its loss was one, and no file may hold them.

    Raises:
        RmferError: some are not.
    """
    # One question to the device for all of them.
    are_finite = torch.stack([value.isfinite().all() for value in weights.values()]).tolist()
    spoilt = [name for name, is_finite in zip(weights, are_finite, strict=True) if not is_finite]
    if spoilt:
        raise _diverged(at, f"{len(spoilt)} weights are no longer finite numbers, such as {spoilt[0]}")


def _diverged(at: Position, what: str) -> RmferError:
    return RmferError(
        f"at step {at.step:,} of epoch {at.epoch + 1} {what}; the checkpoint before it stays",
        remedy="use a smaller learning rate (--set lr=...), or --set precision=float32",
    )
