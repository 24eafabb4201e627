"""SOFT, soft label smoothing by a teacher (Lukov et al., ECCV 2022), which Table 3 compares with.

As its repository means it (baselines.md), which as published never calls its teacher; both views are drawn
independently here. It has a cross-entropy of its own, so ``lambda_fer`` is 0 beside it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, one_hot

from rmfer.data.views import erased, moved
from rmfer.losses.method import Before, Method, Step, Views, register_method
from rmfer.losses.precision import in_float32
from rmfer.losses.teacher import Teacher
from rmfer.model.network import RmferNet
from rmfer.settings import TrainConfig

# Of a view: share that is turned and moved, by degrees and of the width; share that is partly erased, by area.
MOVED, ROTATE, SHIFT, ERASED, AREA = 0.2, 20, 32 / 224, 0.5, (0.02, 0.25)
DECAY = 0.999


@in_float32
def soft_targets(probabilities: Tensor, labels: Tensor, *, smoothing: float) -> Tensor:
    """What the student is to find: the teacher's likelier classes, the others smoothed.

    With S the classes of p_c > 1/C: inside S (1 - smoothing) p_c / sum of p over S, outside smoothing / (C - len(S)).

    Args:
        probabilities: (B, C) p, the teacher's.
        labels: (B,) int64 or (B, C): the target where S is empty.
        smoothing: epsilon.

    Returns:
        (B, C), every row adds up to 1.
    """
    classes = probabilities.shape[1]
    likelier = probabilities > 1 / classes
    inside = probabilities * likelier
    inside = (1 - smoothing) * inside / inside.sum(1, keepdim=True)
    outside = smoothing / (~likelier).sum(1, keepdim=True, dtype=probabilities.dtype)
    found = torch.where(likelier, inside, outside)
    given = one_hot(labels, classes) if labels.ndim == 1 else labels
    return torch.where(likelier.any(1, keepdim=True), found, given.to(found.dtype))


@in_float32
def soft_loss(logits: Tensor, alpha: Tensor, labels: Tensor, targets: Tensor, *, consistency: float) -> Tensor:
    """CE(alpha z, y) + consistency KL(targets || softmax(z)), both the mean over the batch.

    Args:
        logits: (B, C) z, the student's.
        alpha: (B, 1) in (0, 1), how far each picture's logits count.
        labels: (B,) int64 or (B, C) y.
        targets: (B, C) of `soft_targets`.
        consistency: weight of the second term.
    """
    agreement = kl_div(logits.log_softmax(1), targets, reduction="batchmean")
    return cross_entropy(alpha * logits, labels) + consistency * agreement


def ramp(epoch: int, epochs: float) -> float:
    """exp(-5 (1 - epoch / epochs)^2) until epoch ``epochs``, then 1."""
    return math.exp(-5 * (1 - epoch / epochs) ** 2) if epoch < epochs else 1.0


class Soft(Method):
    """The student is what is trained and kept; inference has its logits without alpha.

    Options: ``smoothing`` .35, ``consistency`` 5 (w) and ``ramp`` 30 (R), the epochs in which its weight rises.
    """

    trains = frozenset({"head_main"})

    def __init__(self, net: RmferNet, config: TrainConfig) -> None:
        super().__init__(net, config)
        self.chosen = self.options(config, smoothing=0.35, consistency=5.0, ramp=30.0)
        self.alpha = nn.Linear(net.features, 1)
        self.teacher = Teacher(net)
        self.steps: Tensor
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def look(self, before: Before) -> Views:
        """One view for the student, and what the teacher makes of another."""
        first, second = (_view(before.images, before.generator(number)) for number in range(2))
        teacher = self.teacher.net.train()  # with batch-norm statistics of its own
        probabilities = teacher.logits(second).float().softmax(1)
        targets = soft_targets(probabilities, before.batch.targets, smoothing=self.chosen["smoothing"])
        return Views(labelled=first, given={"targets": targets})

    def loss(self, step: Step) -> Tensor:
        """See `soft_loss`."""
        weight = self.chosen["consistency"] * ramp(step.epoch, self.chosen["ramp"])
        alpha = self.alpha(step.f).sigmoid()
        return soft_loss(step.logits, alpha, step.labels, step.given[self.name]["targets"], consistency=weight)

    def after_step(self, net: RmferNet) -> None:
        """The teacher follows: decay min(1 - 1 / (step + 1), .999)."""
        self.teacher.follow(net, min(1 - 1 / (int(self.steps) + 1), DECAY), with_statistics=False)
        self.steps += 1


def _view(images: Tensor, generator: torch.Generator) -> Tensor:
    images = moved(images, generator, share=MOVED, rotate=ROTATE, shift=SHIFT)
    return erased(images, generator, share=ERASED, area=AREA)


register_method("soft", Soft)
