"""The loss of one step, from pictures to one number: L_FER + lambda1 L_IAL + lambda2 L_ACL (method.md, "Total")."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rmfer.losses.acl import acl_loss, choose
from rmfer.losses.ial import ial_loss
from rmfer.losses.mixup import Mixed, mixup_loss
from rmfer.model.network import RmferNet
from rmfer.training.config import TrainConfig
from rmfer.training.distributed import Ranks


class Losses(NamedTuple):
    """Scalars, float32, of this process's part of the batch; those that are not used are 0."""

    total: Tensor
    fer: Tensor
    ial: Tensor
    acl: Tensor


class ChosenShape(NamedTuple):
    """So many anchors, each with so many chosen positives and negatives."""

    anchors: int
    positives: int
    negatives: int


class ChosenFaces(NamedTuple):
    """What ACL is computed on.

    ``images`` (A (1 + k + l), 3, H, W): the faces of each anchor after one another: itself, P_imp, N_imp. ``shape``:
    how they are made up. ``positives`` (A, k) int64: which of each anchor's positives are P_imp.
    """

    images: Tensor
    shape: ChosenShape
    positives: Tensor


class Objective(nn.Module):
    """The network with its losses, so that whatever wraps modules (DDP) sees one forward for one step.

    Parts that no loss reaches are frozen: an optimiser must not decay them, nor DDP wait for them.
    """

    def __init__(self, net: RmferNet, config: TrainConfig, ranks: Ranks) -> None:
        super().__init__()
        self.net, self.config, self.ranks = net, config, ranks
        net.head_main.requires_grad_(config.lambda_fer > 0)
        net.head_att.requires_grad_(config.lambda1 > 0)
        net.projection.requires_grad_(config.lambda1 > 0 or config.uses_acl)

    def forward(
        self, images: Tensor, labels: Tensor, faces: ChosenShape | None = None, mixed: Mixed | None = None
    ) -> Losses:
        """The losses of a labelled batch and of chosen faces.

        The two share one forward, so batch-norm's statistics are those of both together.

        Args:
            images: (B + F, 3, H, W): the labelled, then the chosen faces.
            labels: (B,) int64, or (B, C) float32, how likely each expression is.
            faces: how the F chosen faces are made up; None: there are none.
            mixed: of mixup, if the labelled pictures are mixed.
        """
        config, count = self.config, len(labels)
        features = self.net.features_of(images)
        f = features[:count].float()
        fer = ial = acl = f.new_zeros(())
        if config.lambda_fer:
            logits = self.net.head_main(features[:count]).float()
            fer = mixup_loss(logits, labels, *mixed) if mixed else cross_entropy(logits, labels)
        if config.lambda1 or faces:
            z = self.net.projection(features).float()
            if config.lambda1:
                ial = self._ial(f, z[:count], labels)
            if faces:
                parts = z[count:].view(faces.anchors, -1, z.shape[1]).split([1, faces.positives, faces.negatives], 1)
                acl = acl_loss(parts[0][:, 0], *parts[1:], tau=config.tau, self_mask=config.self_masking)
        total = config.lambda_fer * fer + config.lambda1 * ial + config.lambda2 * acl
        return Losses(total, fer.detach(), ial.detach(), acl.detach())

    def _ial(self, f: Tensor, z: Tensor, labels: Tensor) -> Tensor:
        """Every process attends to the faces of all, as one process with the whole batch would."""
        config, ranks = self.config, self.ranks
        everyone = ranks.gather(torch.cat([f, z], dim=1))
        all_f, all_z = everyone[:, : f.shape[1]], everyone[:, f.shape[1] :]
        return ial_loss(
            f,
            z,
            labels,
            self.net.head_att,
            tau=config.tau,
            self_mask=config.self_masking,
            all_f=all_f,
            all_z=all_z,
            offset=ranks.rank * len(f),
        )

    @torch.no_grad()
    def choose(self, images: Tensor) -> ChosenFaces:
        """The faces that ACL is computed on: each anchor, P_imp and N_imp, chosen with batch-norm's running statistics.

        Args:
            images: (A, 1 + P + N, 3, H, W).
        """
        sets, stop = images.shape[:2], 1 + self.config.positives
        everyone = images.flatten(0, 1)
        self.net.eval()
        z = self.net.embed(everyone)[1]
        z = z.view(*sets, z.shape[1])
        self.net.train()
        chosen = choose(z[:, 0], z[:, 1:stop], z[:, stop:], gamma=self.config.gamma)
        anchor = torch.zeros_like(chosen.positives[:, :1])
        places = torch.cat([anchor, 1 + chosen.positives, stop + chosen.negatives], 1)
        places += torch.arange(sets[0], device=images.device)[:, None] * sets[1]
        shape = ChosenShape(sets[0], chosen.positives.shape[1], chosen.negatives.shape[1])
        return ChosenFaces(everyone[places.flatten()], shape, chosen.positives)
