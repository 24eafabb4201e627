"""The three terms of the paper's total loss (method.md, "Total"): L_FER + lambda1 L_IAL + lambda2 L_ACL."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rmfer.losses.acl import acl_loss
from rmfer.losses.ial import ial_loss
from rmfer.losses.method import Step, register
from rmfer.losses.mixup import mixup_loss


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
    z = step.z[step.chosen]
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
