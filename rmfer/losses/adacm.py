"""Ada-CM, an adaptive confidence margin (Li et al., CVPR 2022), which Table 5 compares with.

As its repository does it (baselines.md): of pictures without labels, those that the network is sure of teach it by
their own predictions, the others by a contrast of two views. How sure it must be follows each class. All views go
through the network in one forward here; crops are mirrored beyond the edges.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from rmfer.data.views import moved, strong
from rmfer.labelled.loader import LabelledBatch
from rmfer.losses.method import Before, Method, Step, Views, register_method
from rmfer.losses.nt_xent import nt_xent_loss
from rmfer.losses.precision import in_float32
from rmfer.losses.teacher import Teacher
from rmfer.model.heads import NormalisedLinear
from rmfer.model.network import RmferNet
from rmfer.settings import TrainConfig

# Of the width: 8 padded pixels of 224; share of the pictures that is moved.
SHIFT, MOVED = 8 / 224, 0.5
LEAST, SHARE, DECAY, TAU = 0.8, 0.97, 0.999, 0.07


@in_float32
def unlabelled_loss(weak: Tensor, strong: Tensor, directions: Tensor, thresholds: Tensor, *, contrast: float) -> Tensor:
    """Sum over confident pictures of CE(strong view, argmax p) / B, + contrast NT-Xent of the others.

    p is the mean softmax of two weak views, without gradient; confident is max p >= the threshold of that class.

    Args:
        weak: (2, B, C) logits of the weak views.
        strong: (B, C) logits of the strong view.
        directions: (2, B, D) of length 1, of the weak views.
        thresholds: (C,) T.
        contrast: weight of the second term, which is 0 where all are confident.
    """
    sure, found = weak.detach().softmax(2).mean(0).max(1)
    confident = sure >= thresholds[found]
    loss = (cross_entropy(strong, found, reduction="none") * confident).mean()
    unsure = ~confident
    if unsure.any():
        loss = loss + contrast * nt_xent_loss(directions[0][unsure], directions[1][unsure], tau=TAU)
    return loss


def next_thresholds(probabilities: Tensor, labels: Tensor, epoch: int) -> Tensor:
    """T_c = max(.8, .97 m_c / (1 + e^-epoch)), m_c the mean confidence in the right class of the rightly predicted.

    Args:
        probabilities: (N, C), float.
        labels: (N,) int64.
        epoch: from 0, that has ended.

    Returns:
        (C,); .8 of a class without a rightly predicted picture.
    """
    sure, found = probabilities.max(1)
    right = found == labels
    classes = probabilities.shape[1]
    counts = torch.bincount(labels[right], minlength=classes)
    sums = torch.zeros(classes, dtype=probabilities.dtype, device=labels.device).index_add_(
        0, labels[right], sure[right]
    )
    means = sums / counts.clamp(min=1)
    return (SHARE * means / (1 + math.exp(-epoch))).clamp(min=LEAST)


class AdaCm(Method):
    """Its weight is 1, that of the labelled pictures' cross-entropy (``lambda_fer``) .5, its classifier normalised.

    Weights that were trained with a linear classifier may keep it; the contrast is of directions all the same. Option:
    ``contrast`` .1.
    """

    trains = frozenset({"head_main"})
    wants_unlabelled = True
    wants_epochs = True

    def __init__(self, net: RmferNet, config: TrainConfig) -> None:
        super().__init__(net, config)
        self.chosen = self.options(config, contrast=0.1)
        self.teacher = Teacher(net)
        self.thresholds: Tensor
        self.register_buffer("thresholds", torch.full((net.classes,), LEAST))

    def look(self, before: Before) -> Views:
        """A weak view of the labelled pictures; two weak and a strong one of the others."""
        assert before.unlabelled is not None
        others = before.unlabelled
        changed = strong(others, before.generator(0), mean=before.mean, std=before.std)
        own, first, second, third = (
            moved(images, before.generator(number), share=MOVED, shift=SHIFT)
            for number, images in enumerate((before.images, others, others, changed), start=1)
        )
        return Views(labelled=own, further=torch.cat([first, second, third]))

    def loss(self, step: Step) -> Tensor:
        """See `unlabelled_loss`."""
        head, features = step.net.head_main, step.features[step.places[self.name]].float()
        if isinstance(head, NormalisedLinear):
            directions = head.direction(features)
            logits = head.classify(directions)
        else:
            directions, logits = normalize(features, dim=1), head(features)
        directions, logits = (each.float().view(3, -1, each.shape[1]) for each in (directions, logits))
        return unlabelled_loss(logits[:2], logits[2], directions[:2], self.thresholds, contrast=self.chosen["contrast"])

    def after_step(self, net: RmferNet) -> None:
        """The averaged network follows."""
        self.teacher.follow(net, DECAY, with_statistics=True)

    def after_epoch(self, epoch: int, pictures: Iterable[LabelledBatch]) -> None:
        """New thresholds, by what the averaged network finds in labelled pictures."""
        net = self.teacher.net.eval()
        found = [(net.logits(batch.images).float().softmax(1), batch.labels) for batch in pictures]
        probabilities, labels = (torch.cat(each) for each in zip(*found, strict=True))
        self.thresholds.copy_(next_thresholds(probabilities, labels, epoch))


register_method("ada-cm", AdaCm)
