"""One step of the optimiser: with SAM two passes over the same pictures, without it one."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD, Adam, AdamW, Optimizer

from rmfer.distributed import Ranks
from rmfer.errors import RmferError
from rmfer.losses.method import Before, ChosenShape
from rmfer.losses.mixup import Mixed
from rmfer.optim.sam import Sam
from rmfer.settings import TrainConfig
from rmfer.training.batch_norm import kept, statistics_of
from rmfer.training.objective import ChosenFaces, Looked, Losses, Objective

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Stepper:
    """Brings a network one step further.

    Args:
        objective: the network and its losses.
        config: optimiser, SAM, precision.
        ranks: whose gradients are averaged.
    """

    def __init__(self, objective: Objective, config: TrainConfig, ranks: Ranks) -> None:
        self.objective, self.config, self.device = objective, config, ranks.device
        trained = [weights for weights in objective.parameters() if weights.requires_grad]
        self.optimizer = _optimizer(trained, config)
        self.scaler = torch.amp.GradScaler(
            ranks.device.type, enabled=precision_of(config, ranks.device) is torch.float16
        )
        self.sam = Sam(self.optimizer, rho=config.rho, scaler=self.scaler) if config.sam else None
        self._statistics = statistics_of(objective.net)
        self._forward: nn.Module = objective
        if ranks.world_size > 1:
            # Which parts a step uses changes when ACL joins.
            self._forward = DistributedDataParallel(objective, find_unused_parameters=True)

    def __call__(self, images: Tensor, looked: Looked, faces: ChosenShape | None = None) -> Losses:
        """Make a step; the losses before it. Arguments as of `Objective.forward`."""
        losses = self._pass(images, looked, faces)
        if self.sam is None:
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer.zero_grad()
            return losses
        self.sam.ascend()
        with kept(self._statistics):
            self._pass(images, looked, faces)
        self.sam.descend()
        return losses

    def look(self, before: Before, mixed: Mixed | None = None) -> Looked:
        """`Objective.look`; once a step, for both passes."""
        with autocast(self.config, self.device):
            return self.objective.look(before, mixed)

    def choose(self, images: Tensor) -> ChosenFaces:
        """`Objective.choose`; once a step, for both passes."""
        with autocast(self.config, self.device):
            return self.objective.choose(images)

    @property
    def lr(self) -> float:
        """The learning rate of the steps to come."""
        return float(self.optimizer.param_groups[0]["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = value

    def state_dict(self) -> dict[str, Any]:
        """Of optimiser and scaler."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another was."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])

    def _pass(self, images: Tensor, looked: Looked, faces: ChosenShape | None) -> Losses:
        with autocast(self.config, self.device):
            losses: Losses = self._forward(images, looked, faces)
        self.scaler.scale(losses.total).backward()  # type: ignore[no-untyped-call]
        return losses


def precision_of(config: TrainConfig, device: torch.device) -> torch.dtype:
    """What the network computes in.

    Raises:
        RmferError: float16 on the CPU.
    """
    if config.precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if config.precision == "float16" and device.type == "cpu":
        raise RmferError("precision float16 needs a GPU", remedy="use --set precision=bfloat16 or float32")
    return _DTYPES[config.precision]


def autocast(config: TrainConfig, device: torch.device) -> AbstractContextManager[Any]:
    """The context in which the network is run."""
    dtype = precision_of(config, device)
    return nullcontext() if dtype is torch.float32 else torch.autocast(device.type, dtype)


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """At ``step`` of the whole run, from 0."""
    total, warmup = config.epochs * steps_per_epoch, config.warmup_epochs * steps_per_epoch
    if config.schedule == "onecycle":
        return _one_cycle(config, step, total)
    if step < warmup:
        return config.lr * (step + 1) / (warmup + 1)
    begin = max(warmup, config.decay_from * total)
    left = 1.0 if step < begin else 1 - (step - begin) / (total - begin)
    if config.schedule == "linear":
        return config.lr * left
    if config.schedule == "exponential":
        return config.lr * config.decay ** (step // steps_per_epoch)
    if config.schedule == "cosine":
        return config.lr * (1 - math.cos(math.pi * left)) / 2
    return config.lr


def _one_cycle(config: TrainConfig, step: int, total: int) -> float:
    """What torch's OneCycleLR has at ``step``, whose own state would be one more thing to go on with."""
    lowest, peak = config.lr / 25, config.rise * total - 1
    if step <= peak:
        return _between(lowest, config.lr, step / peak if peak else 1.0)
    return _between(config.lr, lowest / 1e4, min(1.0, (step - peak) / max(total - 1 - peak, 1e-9)))


def _between(begin: float, end: float, share: float) -> float:
    """Along half a cosine."""
    return end + (begin - end) * (1 + math.cos(math.pi * share)) / 2


def _optimizer(trained: list[nn.Parameter], config: TrainConfig) -> Optimizer:
    if config.optimizer == "sgd":
        return SGD(
            trained,
            config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            nesterov=config.nesterov,
        )
    kind = Adam if config.optimizer == "adam" else AdamW
    return kind(trained, config.lr, weight_decay=config.weight_decay)
