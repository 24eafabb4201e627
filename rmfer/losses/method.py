"""Methods: a loss, its weight, and what it needs of the loop; each registers itself under a name.

A method is a file in this folder: a pure function that is its formula, and a `register` or `register_method`. Its
weight is the setting ``losses`` (``--set losses.NAME=0.1``), its options ``loss_options``. Nothing else knows of it.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

import rmfer.losses
from rmfer.data.rng import VIEWS, uniforms
from rmfer.distributed import Ranks
from rmfer.errors import RmferError
from rmfer.labelled.benchmark import Levels
from rmfer.labelled.loader import LabelledBatch
from rmfer.losses.mixup import Mixed
from rmfer.model.network import RmferNet
from rmfer.settings import TrainConfig

Part = Literal["head_main", "head_att", "projection"]


class ChosenShape(NamedTuple):
    """So many anchors, each with so many chosen positives and negatives."""

    anchors: int
    positives: int
    negatives: int


@dataclass(frozen=True)
class Before:
    """A step before the network has seen its pictures: what the hook `Method.look` is given.

    ``images`` (B, 3, H, W) float32: the labelled pictures, changed as the settings say, and normalised with ``mean``
    and ``std``; ``unlabelled`` (B, 3, H, W), likewise, None where the run has none.
    """

    net: RmferNet
    config: TrainConfig
    ranks: Ranks
    batch: LabelledBatch
    images: Tensor
    unlabelled: Tensor | None
    mean: Levels
    std: Levels

    def generator(self, number: int = 0) -> torch.Generator:
        """Random numbers on the pictures' device that depend on seed, epoch, step, process and ``number`` alone."""
        batch = self.batch
        places = {"seed": self.config.seed, "epoch": batch.epoch, "number": batch.step, "purpose": VIEWS}
        (drawn,) = uniforms(1, attempt=number * self.ranks.world_size + self.ranks.rank, **places)
        return torch.Generator(self.images.device).manual_seed(int(drawn * 2**53))


@dataclass(frozen=True)
class Views:
    """What a method wants the network to see.

    ``labelled`` (B, 3, H, W) in place of the labelled pictures; ``further`` (V, 3, H, W) in the same forward; ``given``
    (by any name) is for the loss.
    """

    labelled: Tensor | None = None
    further: Tensor | None = None
    given: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """What a loss may look at.

    ``features`` (B + V + F, D) of the labelled pictures, of all further views and of the chosen faces; ``maps``
    (B + V + F, D, h, w), where a method wants them; ``labels`` (B,) int64, or (B, C) float32, how likely each
    expression is; ``faces``: how the F chosen faces are made up, None where there are none; ``mixed``: of mixup, where
    the labelled images are mixed; ``places``: where the views of each method begin and end; ``given``: what its hook
    left for its loss; ``epoch``: from 0.
    """

    net: RmferNet
    config: TrainConfig
    ranks: Ranks
    features: Tensor
    labels: Tensor
    faces: ChosenShape | None = None
    mixed: Mixed | None = None
    maps: Tensor | None = None
    places: Mapping[str, slice] = field(default_factory=dict)
    given: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    epoch: int = 0

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
        """(B + V + F, d) float32: projected features of all."""
        z: Tensor = self.net.projection(self.features)
        return z.float()

    @property
    def chosen(self) -> slice:
        """Where the chosen faces are."""
        return slice(max([len(self.labels), *(place.stop for place in self.places.values())]), None)


class Method(nn.Module, ABC):
    """A loss with what it needs of the loop; every hook does nothing unless a method says otherwise.

    What it has as parameters is trained, and as buffers remembered, like the network's own.

    Args:
        net: what is trained; to be looked at, not to be kept.
        config: all settings.
    """

    name: ClassVar[str]
    trains: ClassVar[frozenset[Part]] = frozenset()
    """The parts of the network, beside the backbone, that the loss reaches; parts that no loss reaches are frozen."""
    wants_maps: ClassVar[bool] = False
    """Whether `Step.maps` are needed."""
    wants_unlabelled: ClassVar[bool] = False
    """Whether `Before.unlabelled` is."""
    wants_epochs: ClassVar[bool] = False
    """Whether `after_epoch` is to be called."""

    def __init__(self, net: RmferNet, config: TrainConfig) -> None:
        super().__init__()

    @classmethod
    def options(cls, config: TrainConfig, **defaults: float) -> dict[str, float]:
        """``defaults``, with the setting ``loss_options.NAME`` over them.

        Raises:
            RmferError: it has others.
        """
        given = config.loss_options.get(cls.name, {})
        if unknown := sorted(given.keys() - defaults.keys()):
            raise RmferError(
                f"loss_options.{cls.name} has no {', '.join(unknown)}", remedy=f"it has {', '.join(defaults) or 'none'}"
            )
        return defaults | given

    def look(self, before: Before) -> Views:
        """Hook: before each step, without gradient, once for both passes of SAM."""
        return Views()

    @abstractmethod
    def loss(self, step: Step) -> Tensor:
        """The scalar loss of a step; called only where its weight is not 0."""

    def after_step(self, net: RmferNet) -> None:
        """Hook: after the optimiser's step; without gradient."""

    def after_epoch(self, epoch: int, pictures: Iterable[LabelledBatch]) -> None:
        """Hook: after epoch ``epoch`` (from 0), without gradient; ``pictures`` are of the training split, unchanged."""


@dataclass(frozen=True)
class Registered:
    """A method's class, and its weight by the settings."""

    build: type[Method]
    weight: Callable[[TrainConfig], float]


METHODS: dict[str, Registered] = {}
"""By name."""

PAPER = ("fer", "ial", "acl")
"""The terms of the paper's own total loss, which every run logs."""


def register_method(name: str, build: type[Method], *, weight: Callable[[TrainConfig], float] | None = None) -> None:
    """Add a method.

    Args:
        name: of its weight in the setting ``losses``, of its options, and in the log.
        build: its class.
        weight: where it is a setting of its own.

    Raises:
        ValueError: the name is taken.
    """
    if name in METHODS or name == "total":
        raise ValueError(f"a loss named {name} is there already")
    build.name = name
    METHODS[name] = Registered(build, weight or (lambda config: config.losses.get(name, 0.0)))


def register(
    name: str,
    compute: Callable[[Step], Tensor],
    *,
    trains: frozenset[Part],
    weight: Callable[[TrainConfig], float] | None = None,
) -> None:
    """Add a method that is a function of the step and nothing else; arguments as of `Method` and `register_method`."""

    def loss(self: Method, step: Step) -> Tensor:
        return compute(step)

    members: dict[str, Any] = {"trains": trains, "loss": loss, "__doc__": compute.__doc__}
    register_method(name, type(name, (Method,), members), weight=weight)


def active_methods(config: TrainConfig) -> dict[str, float]:
    """The weight of each method that a run logs: the paper's three, then those of the setting ``losses``.

    Raises:
        RmferError: ``losses`` or ``loss_options`` name one that is not registered.
    """
    for module in pkgutil.iter_modules(rmfer.losses.__path__):
        importlib.import_module(f"rmfer.losses.{module.name}")
    if unknown := sorted((config.losses.keys() | config.loss_options.keys()) - METHODS.keys()):
        known = [*PAPER, *sorted(METHODS.keys() - {*PAPER})]
        raise RmferError(
            f"losses: there is no {', '.join(unknown)}", remedy=f"there are {', '.join(known)}; see docs/training.md"
        )
    names = dict.fromkeys([*PAPER, *config.losses])
    return {name: METHODS[name].weight(config) for name in names}
