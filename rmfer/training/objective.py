"""The loss of one step, from pictures to one number: L_FER + lambda1 L_IAL + lambda2 L_ACL (method.md, "Total").

And what further methods add to it (`rmfer.losses.method`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rmfer.data.layout import in_layout_of
from rmfer.distributed import Ranks
from rmfer.losses.acl import choose
from rmfer.losses.method import METHODS, Before, ChosenShape, Method, Step, active_methods
from rmfer.losses.mixup import Mixed
from rmfer.model.network import RmferNet
from rmfer.settings import TrainConfig


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


@dataclass(frozen=True)
class Looked:
    """What the network is to see of the labelled pictures.

    ``images`` (B + V, 3, H, W): these, then the methods' further views; ``labels`` (B,) int64, or (B, C) float32, how
    likely each expression is; ``mixed``: of mixup, if they are mixed; ``places`` and ``given``: as `Step` has them;
    ``epoch``: from 0.
    """

    images: Tensor
    labels: Tensor
    mixed: Mixed | None = None
    places: Mapping[str, slice] = field(default_factory=dict)
    given: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    epoch: int = 0


class Objective(nn.Module):
    """The network with its losses as one module, so that DDP sees one forward for each step.

    Parts that no loss reaches are frozen: an optimiser must not decay them, nor DDP wait for them.

    Raises:
        RmferError: the setting ``losses`` names one that is not registered, or has options that it has not.
    """

    def __init__(self, net: RmferNet, config: TrainConfig, ranks: Ranks) -> None:
        super().__init__()
        self.net, self.config, self.ranks = net, config, ranks
        self.weights = active_methods(config)
        self.names = ("total", *self.weights)
        used = {name: METHODS[name].build(net, config) for name, weight in self.weights.items() if weight}
        self.methods: Mapping[str, Method] = nn.ModuleDict(used).to(ranks.device)  # type: ignore[assignment]
        self._needs_maps = any(method.wants_maps for method in used.values())
        trained = {part for method in used.values() for part in method.trains}
        for part, module in (
            ("head_main", net.head_main),
            ("head_att", net.head_att),
            ("projection", net.projection),
        ):
            module.requires_grad_(part in trained)

    @torch.no_grad()
    def look(self, before: Before, mixed: Mixed | None) -> Looked:
        """What the network is to see in a step: the labelled pictures as the methods want them, and further views."""
        labels, images = before.batch.targets, before.images
        further: list[Tensor] = []
        places: dict[str, slice] = {}
        given: dict[str, Mapping[str, Tensor]] = {}
        end = len(images)
        for name, method in self.methods.items():
            views = method.look(replace(before, images=images))
            images = images if views.labelled is None else views.labelled
            if views.further is not None:
                further.append(views.further)
                places[name] = slice(end, end := end + len(views.further))
            given[name] = views.given
        images = torch.cat([images, *further]) if further else images
        return Looked(in_layout_of(images, before.images), labels, mixed, places, given, before.batch.epoch)

    def forward(self, images: Tensor, looked: Looked, faces: ChosenShape | None = None) -> Losses:
        """The losses of a labelled batch, of methods' views and of chosen faces.

        All share one forward, so batch-norm's statistics are those of all together.

        Args:
            images: (B + V + F, 3, H, W): those of ``looked``, then the chosen faces.
            looked: what they are.
            faces: how the F chosen faces are made up; None: there are none.
        """
        maps = self.net.maps_of(images) if self._needs_maps else None
        features = self.net.features_of(images) if maps is None else self.net.pooled(maps)
        step = Step(
            self.net,
            self.config,
            self.ranks,
            features,
            looked.labels,
            faces,
            looked.mixed,
            maps,
            looked.places,
            looked.given,
            looked.epoch,
        )
        none = features.new_zeros((), dtype=torch.float32)
        terms = {name: self.methods[name].loss(step) if weight else none for name, weight in self.weights.items()}
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
