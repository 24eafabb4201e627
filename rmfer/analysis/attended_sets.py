"""How trained networks attend to an anchor set of shards (Fig. 3)."""

from __future__ import annotations

import torch

from rmfer.analysis.figures.sets import AttendedSet
from rmfer.errors import RmferError
from rmfer.losses.acl import choose
from rmfer.losses.attention import similarity
from rmfer.model.network import RmferNet
from rmfer.model.saved import ModelInfo
from rmfer.predict.likest import FaceEmbedder
from rmfer.shards import AnchorSampler, AnchorSet


def attend(sampler: AnchorSampler, drawn: AnchorSet, net: RmferNet, info: ModelInfo) -> AttendedSet:
    """How a network attends from the anchor to the other faces: softmax of S over all positives and negatives.

    Args:
        sampler: that drew the set.
        drawn: the set.
        net: in evaluation mode.
        info: what belongs to it: tau and gamma are those of its training.

    Raises:
        RmferError: the network has no projection that was trained.
        ShardError: a picture cannot be read.
    """
    if "projection" in info.untrained:
        raise RmferError(
            f"a network of preset {info.preset or 'base'} has no trained projection, so no attention",
            remedy="give runs that train IAL or ACL",
        )
    embedder = FaceEmbedder(net, info, sampler.index)
    try:
        z = embedder(drawn.rows)
    finally:
        embedder.close()
    positives = sampler.settings.positives
    near, far = z[1 : 1 + positives], z[1 + positives :]
    gamma, tau = float(info.config.get("gamma", 0.1)), float(info.config.get("tau", 0.25))
    chosen = choose(z[:1], near[None], far[None], gamma=gamma)
    weights = similarity(z[:1], z[1:], tau=tau).double().softmax(1)[0]
    assert isinstance(weights, torch.Tensor)
    return AttendedSet(
        weights[:positives].numpy(),
        weights[positives:].numpy(),
        frozenset(chosen.positives[0].tolist()),
        frozenset(chosen.negatives[0].tolist()),
    )
