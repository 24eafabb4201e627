"""The terms of the total loss (method.md, "Total"): each a function of the step, its weight, and what it trains.

A further one is a pure function in `rmfer.losses` and one `register`, here or in whoever calls `rmfer.training.train`;
its weight is the setting ``losses``: ``--set losses.NAME=0.1``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rmfer.distributed import Ranks
from rmfer.losses.acl import acl_loss
from rmfer.losses.ial import ial_loss
from rmfer.losses.mixup import Mixed, mixup_loss
from rmfer.model.network import RmferNet
from rmfer.settings import TrainConfig

Part = Literal["head_main", "head_att", "projection"]


class ChosenShape(NamedTuple):
    """So many anchors, each with so many chosen positives and negatives."""

    anchors: int
    positives: int
    negatives: int


@dataclass(frozen=True)
class Step:
    """What a loss may look at.

    ``features`` (B + F, D) of the labelled, then the chosen faces; ``labels`` (B,) int64, or (B, C) float32, how likely
    each expression is; ``faces``: how the F chosen faces are made up, None where there are none; ``mixed``: of mixup,
    where the labelled images are mixed.
    """

    net: RmferNet
    config: TrainConfig
    ranks: Ranks
    features: Tensor
    labels: Tensor
    faces: ChosenShape | None
    mixed: Mixed | None

    @cached_property
    def f(self) -> Tensor:
        """(B, D) float32: features of the labelled images."""
        return self.features[: len(self.labels)].float()

    @cached_property
    def logits(self) -> Tensor:
        """(B, C) float32 of h_main."""
        logits: Tensor = self.net.head_main(self.features[: len(self.labels)])
        return logits.float()

    @cached_property
    def z(self) -> Tensor:
        """(B + F, d) float32: projected features of all."""
        z: Tensor = self.net.projection(self.features)
        return z.float()


@dataclass(frozen=True)
class Term:
    """A loss with its weight; ``trains`` are the parts beside the backbone that it reaches."""

    compute: Callable[[Step], Tensor]
    weight: Callable[[TrainConfig], float]
    trains: frozenset[Part]


TERMS: dict[str, Term] = {}
"""By name, in the order in which they are logged."""


def register(
    name: str,
    compute: Callable[[Step], Tensor],
    *,
    trains: frozenset[Part],
    weight: Callable[[TrainConfig], float] | None = None,
) -> None:
    """Add a loss.

    Args:
        name: of its weight in the setting ``losses``, and in the log.
        compute: the scalar loss of a step; called only where its weight is not 0.
        trains: the parts of the network, beside the backbone, that it reaches; the others are frozen.
        weight: where it is a setting of its own.

    Raises:
        ValueError: the name is taken.
    """
    if name in TERMS or name == "total":
        raise ValueError(f"a loss named {name} is there already")
    TERMS[name] = Term(compute, weight or (lambda config: config.losses.get(name, 0.0)), trains)


def _classification(step: Step) -> Tensor:
    """L_FER: cross-entropy of h_main (Eq. 9)."""
    return mixup_loss(step.logits, step.labels, *step.mixed) if step.mixed else cross_entropy(step.logits, step.labels)


def _intra_attention(step: Step) -> Tensor:
    """L_IAL. Every process attends to the faces of all, as one process with the whole batch would."""
    config, ranks, f = step.config, step.ranks, step.f
    z = step.z[: len(f)]
    everyone = ranks.gather(torch.cat([f, z], dim=1))
    return ial_loss(
        f,
        z,
        step.labels,
        step.net.head_att,
        tau=config.tau,
        self_mask=config.self_masking,
        all_f=everyone[:, : f.shape[1]],
        all_z=everyone[:, f.shape[1] :],
        offset=ranks.rank * len(f),
    )


def _anchored_contrast(step: Step) -> Tensor:
    """L_ACL; 0 in the epochs without anchor sets."""
    if step.faces is None:
        return step.f.new_zeros(())
    anchors, positives, negatives = step.faces
    z = step.z[len(step.labels) :]
    sets = z.view(anchors, 1 + positives + negatives, z.shape[1])
    anchor, near, far = sets[:, 0], sets[:, 1 : 1 + positives], sets[:, 1 + positives :]
    return acl_loss(anchor, near, far, tau=step.config.tau, self_mask=step.config.self_masking)


register("fer", _classification, trains=frozenset({"head_main"}), weight=lambda config: config.lambda_fer)
register("ial", _intra_attention, trains=frozenset({"head_att", "projection"}), weight=lambda config: config.lambda1)
register(
    "acl",
    _anchored_contrast,
    trains=frozenset({"projection"}),
    weight=lambda config: config.lambda2 if config.uses_acl else 0.0,
)
