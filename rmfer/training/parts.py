"""What a run trains with: the network, what steps it, and what brings pictures; each remembers its own place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from rmfer.distributed import Ranks
from rmfer.labelled.loader import EvalLoader, LabelledLoader
from rmfer.labelled.split import Split
from rmfer.model.network import RmferNet
from rmfer.training.anchors import AnchorSource, open_anchors
from rmfer.training.augmentation import PictureChanges
from rmfer.training.averaging import AveragedWeights, sample_of
from rmfer.training.objective import Objective
from rmfer.training.run import Run
from rmfer.training.setup import build_net, eval_options, labelled_options, sample_options, training_splits
from rmfer.training.simclr import pretrain
from rmfer.training.stepping import Stepper, autocast


@dataclass(frozen=True)
class Parts:
    """The parts of a run.

    Attributes:
        net: what is trained.
        stepper: brings it a step further.
        change: what is done to labelled pictures on the device.
        averaged: the averaged weights; None without ``ema``.
        labelled: the labelled pictures.
        anchors: the anchor sets; None where no loss needs them.
        valid: the validation split; None where there is none.
        sample: training pictures for the averaged network's batch-norm statistics; None without ``ema``.
    """

    net: RmferNet
    stepper: Stepper
    change: PictureChanges
    averaged: AveragedWeights | None
    labelled: LabelledLoader
    anchors: AnchorSource | None
    valid: EvalLoader | None
    sample: EvalLoader | None

    @property
    def kept_net(self) -> RmferNet:
        """What is evaluated and kept: the averaged weights, where there are any."""
        return self.net if self.averaged is None else self.averaged.net

    def settle(self) -> None:
        """Make the kept network fit to be evaluated: averaged weights have no batch-norm statistics of their own."""
        if self.averaged is not None and self.sample is not None:
            with autocast(self.stepper.config, self.stepper.device):
                self.averaged.take_statistics(batch.images for batch in self.sample)

    def state_dict(self) -> dict[str, Any]:
        """What all of them need to go on from here."""
        return {name: None if part is None else part.state_dict() for name, part in self._remembering.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where others were."""
        for name, part in self._remembering.items():
            if part is not None:
                part.load_state_dict(state[name])

    @property
    def _remembering(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("net", "averaged", "stepper", "labelled", "anchors")}


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
    stepper = Stepper(Objective(net, config, ranks), config, ranks)
    averaged = AveragedWeights(net, config.ema) if config.ema else None
    with ExitStack() as stack:
        labelled = stack.enter_context(LabelledLoader(splits.train, **labelled_options(run, ranks)))

        def pictures(split: Split | None, options: dict[str, Any]) -> EvalLoader | None:
            return None if split is None else stack.enter_context(EvalLoader(split, **options))

        yield Parts(
            net,
            stepper,
            PictureChanges(config, ranks),
            averaged,
            labelled,
            stack.enter_context(open_anchors(run, splits, ranks, steps_per_epoch=labelled.steps_per_epoch)),
            pictures(splits.valid, eval_options(run, ranks)),
            pictures(sample_of(splits.train, config.batch_size) if averaged else None, sample_options(run, ranks)),
        )
