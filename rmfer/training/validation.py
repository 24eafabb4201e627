"""Accuracies of a network on a split while it trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from rmfer.datasets.loader import EvalLoader
from rmfer.measures import average_accuracy, overall_accuracy
from rmfer.model.network import RmferNet
from rmfer.training.distributed import Ranks


@torch.inference_mode()
def accuracies(
    net: RmferNet, pictures: EvalLoader, *, classes: int, head: str, ranks: Ranks, autocast: Callable[[], Any]
) -> dict[str, float]:
    """Overall and average accuracy (supplement, Eq. 1 and 2) of single pictures, over all processes' parts."""
    confusion = torch.zeros(classes * classes, dtype=torch.int64, device=ranks.device)
    net.eval()
    for batch in pictures:
        with autocast():
            found = net.logits(batch.images, head=head).argmax(1)
        confusion += torch.bincount(batch.labels * classes + found, minlength=classes * classes)
    net.train()
    matrix = ranks.sum(confusion).view(classes, classes).cpu().numpy()
    return {"overall": overall_accuracy(matrix), "average": average_accuracy(matrix)}
