"""Accuracies of a network on a split while it trains, and how its faces attend to one another."""

from __future__ import annotations

import numpy as np
import torch

from rmfer.analysis.batches import SIZE, balanced_batches
from rmfer.analysis.measures import same_label_attention
from rmfer.distributed import Ranks
from rmfer.evaluation import average_accuracy, overall_accuracy
from rmfer.labelled.loader import EvalLoader
from rmfer.labelled.split import Split
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


def attention_part(split: Split, config: TrainConfig) -> Split:
    """The pictures of ``attention_batches`` class-balanced batches, one batch after another."""
    return split.part(balanced_batches(split.labels, config.attention_batches, seed=config.seed).reshape(-1))


@torch.inference_mode()
def mean_attention(net: RmferNet, pictures: EvalLoader, config: TrainConfig) -> float:
    """Mean inter-sample attention between faces of the same label (Fig. 1), over batches of 32; in [0, 1].

    The paper's is of the test set, after each epoch; here it is of the validation split, as test is read once.
    """
    net.eval()
    found = []
    for batch in pictures:
        with autocast(config, batch.images.device):
            z = net.embed(batch.images)[1].float()
        found += [
            same_label_attention(own, labels, tau=config.tau, self_mask=config.self_masking)
            for own, labels in zip(torch.split(z, SIZE), torch.split(batch.labels, SIZE), strict=True)
        ]
    net.train()
    return float(np.mean(found))
