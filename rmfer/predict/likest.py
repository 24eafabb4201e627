"""Which positives a trained network finds most like their anchor: P_imp, outside of training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rmfer.data.augment import AugmentPlan
from rmfer.losses.acl import choose
from rmfer.model.network import RmferNet
from rmfer.model.saved import ModelInfo
from rmfer.shards.decode import Decoder, Filling
from rmfer.shards.images import ImageReader
from rmfer.shards.index import Index
from rmfer.shards.sampler import AnchorSet, Int64s


class FaceEmbedder:
    """Faces of shards to their projections, as training would see them without augmentation.

    Args:
        net: in evaluation mode, on any device.
        info: what belongs to it; where its benchmark's pictures are grey, faces are made grey.
        index: of the shards.
        workers: threads that decode.
    """

    def __init__(self, net: RmferNet, info: ModelInfo, index: Index, *, workers: int = 1) -> None:
        self.net, self.size = net, info.size
        colour = info.config.get("shard_colour", "benchmark")
        grey = colour == "grey" or (colour == "benchmark" and info.is_grey)
        self._decoder = Decoder(ImageReader(index), size=info.size, workers=workers, exact=False, grey=grey)

    def close(self) -> None:
        """End the threads."""
        self._decoder.close()

    @torch.inference_mode()
    def __call__(self, rows: Int64s) -> Tensor:
        """(n, D) float32, on the CPU, of ``rows`` (n,) of the index.

        Raises:
            ShardError: a picture cannot be read.
        """
        out = torch.empty((len(rows), self.size, self.size, 3))
        filling = self._decoder.start(Filling(rows, out, AugmentPlan.none(len(rows))))
        for _, fault in filling.faults():
            raise fault
        images = out.permute(0, 3, 1, 2).to(next(self.net.parameters()).device)
        return self.net.embed(images)[1].float().cpu()


def likest_positives(z: Tensor, drawn: AnchorSet, *, positives: int, gamma: float) -> Int64s:
    """(k,) rows of P_imp.

    Args:
        z: (1 + P + ..., D) projections of a set's faces: the anchor's and the positives' first.
        drawn: the set.
        positives: P.
        gamma: the share of P that is kept.
    """
    near = z[None, 1 : 1 + positives]
    places = choose(z[:1], near, near, gamma=gamma).positives[0].numpy()
    rows: Int64s = drawn.rows[1 + np.asarray(places, np.int64)]
    return rows
