"""Accuracies of a network on a split while it trains."""

from __future__ import annotations

import torch

from rmfer.distributed import Ranks
from rmfer.evaluation import average_accuracy, overall_accuracy
from rmfer.labelled.loader import EvalLoader
from rmfer.model.network import RmferNet
from rmfer.settings import TrainConfig
from rmfer.training.stepping import autocast


@torch.inference_mode()
def accuracies(
    net: RmferNet, pictures: EvalLoader, config: TrainConfig, *, classes: int, ranks: Ranks
) -> dict[str, float]:
    """Overall and average accuracy (supplement, Eq. 1 and 2) of single pictures, over all processes' parts."""
    confusion = torch.zeros(classes * classes, dtype=torch.int64, device=ranks.device)
    net.eval()
    for batch in pictures:
        with autocast(config, ranks.device):
            found = net.logits(batch.images, head=config.evaluate_with).argmax(1)
        confusion += torch.bincount(batch.labels * classes + found, minlength=classes * classes)
    net.train()
    matrix = ranks.sum(confusion).view(classes, classes).cpu().numpy()
    return {"overall": overall_accuracy(matrix), "average": average_accuracy(matrix)}
