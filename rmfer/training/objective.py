"""The loss of one step, from pictures to one number: L_FER + lambda1 L_IAL + lambda2 L_ACL (method.md, "Total")."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rmfer.distributed import Ranks
from rmfer.errors import RmferError
from rmfer.losses.acl import choose
from rmfer.losses.mixup import Mixed
from rmfer.model.network import RmferNet
from rmfer.settings import TrainConfig
from rmfer.training.terms import TERMS, ChosenShape, Step


class Losses(NamedTuple):
    """Scalars, float32, of this process's part of the batch: the total, and each term of it, 0 where it is not used."""

    total: Tensor
    terms: dict[str, Tensor]

    @property
    def all(self) -> Tensor:
        """(1 + terms,) in the order of `Objective.names`, detached."""
        return torch.stack([self.total, *self.terms.values()]).detach()


class ChosenFaces(NamedTuple):
    """What ACL is computed on.

    ``images`` (A (1 + k + l), 3, H, W): the faces of each anchor after one another: itself, P_imp, N_imp. ``shape``:
    how they are made up. ``positives`` (A, k) int64: which of each anchor's positives are P_imp.
    """

    images: Tensor
    shape: ChosenShape
    positives: Tensor


class Objective(nn.Module):
    """The network with its losses as one module, so that DDP sees one forward for each step.

    Parts that no loss reaches are frozen: an optimiser must not decay them, nor DDP wait for them.

    Raises:
        RmferError: the setting ``losses`` names one that is not registered.
    """

    def __init__(self, net: RmferNet, config: TrainConfig, ranks: Ranks) -> None:
        super().__init__()
        self.net, self.config, self.ranks = net, config, ranks
        if unknown := sorted(config.losses.keys() - TERMS.keys()):
            raise RmferError(
                f"losses: there is no {', '.join(unknown)}",
                remedy=f"there are {', '.join(TERMS)}; see docs/training.md",
            )
        self.weights = {name: term.weight(config) for name, term in TERMS.items()}
        self.names = ("total", *self.weights)
        trained = {part for name, term in TERMS.items() if self.weights[name] for part in term.trains}
        for part, module in (
            ("head_main", net.head_main),
            ("head_att", net.head_att),
            ("projection", net.projection),
        ):
            module.requires_grad_(part in trained)

    def forward(
        self, images: Tensor, labels: Tensor, faces: ChosenShape | None = None, mixed: Mixed | None = None
    ) -> Losses:
        """The losses of a labelled batch and of chosen faces.

        The two share one forward, so batch-norm's statistics are those of both together.

        Args:
            images: (B + F, 3, H, W): the labelled, then the chosen faces.
            labels: (B,) int64, or (B, C) float32, how likely each expression is.
            faces: how the F chosen faces are made up; None: there are none.
            mixed: of mixup, if the labelled images are mixed.
        """
        step = Step(self.net, self.config, self.ranks, self.net.features_of(images), labels, faces, mixed)
        none = step.f.new_zeros(())
        terms = {name: TERMS[name].compute(step) if weight else none for name, weight in self.weights.items()}
        total = none + sum(weight * terms[name] for name, weight in self.weights.items() if weight)
        return Losses(total, {name: value.detach() for name, value in terms.items()})

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
