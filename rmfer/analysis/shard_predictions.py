"""A trained network's predictions for anchor sets of shards, drawn as training draws them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from rmfer.analysis.prior import Predicted
from rmfer.analysis.set_pictures import pictures_of
from rmfer.losses.acl import choose
from rmfer.model.network import RmferNet
from rmfer.model.saved import ModelInfo
from rmfer.predict.likest import FaceEmbedder
from rmfer.predict.recogniser import Recogniser
from rmfer.shards import AnchorSampler, ImageReader


def predict_sets(
    sampler: AnchorSampler,
    net: RmferNet,
    info: ModelInfo,
    *,
    sets: int,
    device: torch.device,
    gamma: float,
    advance: Callable[[int], None],
) -> Predicted:
    """Draw sets, and predict the expression of each of their faces.

    Args:
        sampler: of the shards.
        net: on ``device``, in evaluation mode.
        info: what belongs to it.
        sets: how many sets.
        device: where the network is.
        gamma: the share of P and N that attention keeps.
        advance: called with how many more sets are done.

    Raises:
        ShardError: a picture cannot be read.
    """
    recogniser, reader = Recogniser(net, info, device), ImageReader(sampler.index)
    positives = sampler.settings.positives
    embed = FaceEmbedder(net, info, sampler.index) if "projection" not in info.untrained else None
    labels, videos, near, far = [], [], [], []
    for number in range(sets):
        drawn = sampler.draw(epoch=0, number=number)
        labels.append(recogniser.probabilities(pictures_of(reader, drawn)).argmax(1))
        videos.append(drawn.video)
        if embed is not None:
            z = embed(drawn.rows)[None]
            chosen = choose(z[:, 0], z[:, 1 : 1 + positives], z[:, 1 + positives :], gamma=gamma)
            near.append(chosen.positives[0].numpy())
            far.append(chosen.negatives[0].numpy())
        advance(1)
    if embed is not None:
        embed.close()
    told = np.stack(labels).astype(np.int64)
    return Predicted(
        told[:, 0],
        told[:, 1 : 1 + positives],
        told[:, 1 + positives :],
        videos,
        np.stack(near) if near else None,
        np.stack(far) if far else None,
    )
