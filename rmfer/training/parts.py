"""What a run trains with: the network, what steps it, and what brings pictures; each remembers its own place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console

from rmfer.data.stream import Stream
from rmfer.distributed import Ranks
from rmfer.labelled.loader import EvalLoader, LabelledBatch, LabelledLoader
from rmfer.labelled.random_pictures import UnlabelledBatch
from rmfer.labelled.random_sets import RandomBatch
from rmfer.labelled.split import Split
from rmfer.losses.method import Before
from rmfer.model.network import RmferNet
from rmfer.shards.faces import FaceBatch
from rmfer.shards.loader import AnchorBatch
from rmfer.training.anchors import Wanted, open_anchors
from rmfer.training.augmentation import PictureChanges
from rmfer.training.averaging import AveragedWeights, sample_of
from rmfer.training.objective import Looked, Objective
from rmfer.training.run import Run
from rmfer.training.setup import build_net, eval_options, labelled_options, sample_options, training_splits
from rmfer.training.simclr import pretrain
from rmfer.training.stepping import Stepper, autocast
from rmfer.training.unlabelled import open_unlabelled
from rmfer.training.validation import attention_part, mean_attention


@dataclass(frozen=True)
class Parts:
    """The parts of a run.

    Attributes:
        run: whose parts they are.
        ranks: this process among others.
        net: what is trained.
        stepper: brings it a step further.
        change: what is done to labelled pictures on the device.
        averaged: the averaged weights; None without ``ema``.
        labelled: the labelled pictures.
        anchors: the anchor sets, where a loss needs them.
        unlabelled: pictures without labels, where a method wants some.
        valid: the validation split; None where there is none.
        attended: validation pictures in batches whose attention is told; None without ``attention_batches``.
        sample: training pictures, unchanged, for the averaged network's batch-norm statistics and what methods look at
            after an epoch; None where nobody needs them.
    """

    run: Run
    ranks: Ranks
    net: RmferNet
    stepper: Stepper
    change: PictureChanges
    averaged: AveragedWeights | None
    labelled: LabelledLoader
    anchors: Stream[AnchorBatch | RandomBatch]
    unlabelled: Stream[FaceBatch | UnlabelledBatch]
    valid: EvalLoader | None
    attended: EvalLoader | None
    sample: EvalLoader | None

    @property
    def kept_net(self) -> RmferNet:
        """What is evaluated and kept: the averaged weights, where there are any."""
        return self.net if self.averaged is None else self.averaged.net

    def begin_epoch(self, epoch: int, step: int) -> None:
        """``epoch`` begins, or goes on at ``step`` where all loaders already are."""
        if step == 0:
            self.labelled.set_epoch(epoch)
        self.anchors.begin(epoch, step)
        self.unlabelled.begin(epoch, step)

    def look(self, batch: LabelledBatch) -> Looked:
        """What the network is to see of a step's labelled pictures: changed, and as the methods want them."""
        images, mixed = self.change(batch)
        others = self.unlabelled.take()
        unlabelled = None if others is None else others.images
        levels = (self.run.benchmark.mean, self.run.benchmark.std)
        before = Before(self.net, self.run.config, self.ranks, batch, images, unlabelled, *levels)
        return self.stepper.look(before, mixed)

    @torch.no_grad()
    def after_step(self) -> None:
        """Let what follows the network follow it."""
        if self.averaged is not None:
            self.averaged.update(self.net)
        for method in self.stepper.objective.methods.values():
            method.after_step(self.net)

    @torch.no_grad()
    def after_epoch(self, epoch: int) -> None:
        """Let the methods look at training pictures."""
        for method in self.stepper.objective.methods.values():
            if method.wants_epochs and self.sample is not None:
                method.after_epoch(epoch, self.sample)

    def settle(self) -> None:
        """Make the kept network fit to be evaluated: averaged weights have no batch-norm statistics of their own."""
        if self.averaged is not None and self.sample is not None:
            with autocast(self.stepper.config, self.stepper.device):
                self.averaged.take_statistics(batch.images for batch in self.sample)

    def attention(self) -> dict[str, float]:
        """How the kept network's faces attend to one another, by the name that the log has for it, if it is asked."""
        if self.attended is None:
            return {}
        return {"attention": mean_attention(self.kept_net, self.attended, self.stepper.config)}

    def state_dict(self) -> dict[str, Any]:
        """What all of them need to go on from here."""
        return {name: None if part is None else part.state_dict() for name, part in self._remembering.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where others were."""
        for name, part in self._remembering.items():
            if part is not None and state.get(name) is not None:
                part.load_state_dict(state[name])

    @property
    def _remembering(self) -> dict[str, Any]:
        names = ("net", "averaged", "stepper", "labelled", "anchors")
        methods: Any = self.stepper.objective.methods
        further = {"unlabelled": self.unlabelled, "methods": methods if methods.state_dict() else None}
        return {**{name: getattr(self, name) for name in names}, **further}


@contextmanager
def open_parts(run: Run, ranks: Ranks, console: Console, *, fresh: bool) -> Iterator[Parts]:
    """Build and open all parts; ``fresh`` with the weights that a run begins with, else to load a checkpoint's.

    Raises:
        RmferError: data or settings that cannot serve.
    """
    config = run.config
    splits = training_splits(run.benchmark, config)
    net = build_net(config, run.benchmark.classes, ranks, console, fresh=fresh)
    if config.pretrain_epochs and fresh:
        pretrain(net, run, ranks, console)
    objective = Objective(net, config, ranks)
    methods = objective.methods.values()
    averaged = AveragedWeights(net, config.ema) if config.ema else None
    with ExitStack() as stack:
        labelled = stack.enter_context(LabelledLoader(splits.train, **labelled_options(run, ranks)))
        wanted = Wanted(run, splits, ranks, labelled.steps_per_epoch)

        def pictures(split: Split | None, options: dict[str, Any]) -> EvalLoader | None:
            return None if split is None else stack.enter_context(EvalLoader(split, **options))

        needs_sample = averaged is not None or any(method.wants_epochs for method in methods)
        yield Parts(
            run,
            ranks,
            net,
            Stepper(objective, config, ranks),
            PictureChanges(config, ranks),
            averaged,
            labelled,
            Stream(stack.enter_context(open_anchors(wanted)), from_epoch=config.epochs_pre),
            Stream(stack.enter_context(open_unlabelled(wanted, methods))),
            pictures(splits.valid, eval_options(run, ranks)),
            pictures(
                attention_part(splits.valid, config) if splits.valid and config.attention_batches else None,
                eval_options(run, ranks) | {"rank": 0, "world_size": 1},
            ),
            pictures(sample_of(splits.train, config.batch_size) if needs_sample else None, sample_options(run, ranks)),
        )
