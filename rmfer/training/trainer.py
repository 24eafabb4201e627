"""The training loop, to be read from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import torch
from rich.console import Console
from torch import Tensor

from rmfer.labelled.loader import EvalLoader, LabelledBatch, LabelledLoader
from rmfer.labelled.random_sets import RandomBatch
from rmfer.model.network import RmferNet, untrained_parts
from rmfer.model.saved import save_model
from rmfer.shards.loader import AnchorBatch
from rmfer.training.anchors import open_anchors
from rmfer.training.augmentation import PictureChanges
from rmfer.training.averaging import AveragedWeights, sample_of
from rmfer.training.checkpointing import CHECKPOINT, Position, check_same_run, load_checkpoint, save_checkpoint
from rmfer.training.config import TrainConfig
from rmfer.training.distributed import Ranks
from rmfer.training.finite import check_losses, check_weights
from rmfer.training.interrupts import Interrupts
from rmfer.training.logs import RunLog
from rmfer.training.objective import Losses, Objective
from rmfer.training.people import PeopleCount
from rmfer.training.people import told as told_people
from rmfer.training.run import InterruptedRun, Run, model_info
from rmfer.training.setup import (
    build_net,
    eval_options,
    labelled_options,
    labelled_splits,
    prepare_torch,
    sample_options,
)
from rmfer.training.simclr import pretrain
from rmfer.training.stepping import Stepper, autocast, learning_rate
from rmfer.training.validation import accuracies

# Processes ask one another this seldom whether to stop: asking makes them wait.
_STEPS_BETWEEN_QUESTIONS = 20


def train(run: Run, ranks: Ranks, console: Console, *, resume: bool = False) -> Position:
    """Train from the run's beginning, or its last checkpoint, to its end.

    Leaves ``last.ckpt``, ``last.safetensors``, ``best.safetensors``, ``log.jsonl`` and ``tensorboard/`` in the folder.
    The same settings, data and number of processes give the same weights, whether or not the run was stopped between.

    Args:
        run: what to train.
        ranks: this process among others.
        console: stderr.
        resume: go on with the last checkpoint.

    Returns:
        Where the run ended, with the best epoch's validation accuracies.

    Raises:
        RmferError: data or settings that cannot serve, or a loss that is no longer finite.
        InterruptedRun: the user stopped it.
    """
    with Trainer(run, ranks, console, resume=resume) as trainer:
        trainer.train()
    return trainer.at


class Trainer:
    """A run in progress; see `train`."""

    def __init__(self, run: Run, ranks: Ranks, console: Console, *, resume: bool) -> None:
        self.run, self.ranks, self.config = run, ranks, run.config
        prepare_torch(self.config)
        # A run that was killed before its first checkpoint begins anew.
        state = load_checkpoint(run.folder) if resume and (run.folder / CHECKPOINT).exists() else None
        if state is not None:
            check_same_run(state["run"], self._same())

        train_split, valid_split = labelled_splits(run.benchmark, self.config)
        self.net = build_net(self.config, run.benchmark.classes, ranks, console, fresh=state is None)
        if self.config.pretrain_epochs and state is None:
            pretrain(self.net, run, ranks, console)
        self.stepper = Stepper(Objective(self.net, self.config, ranks), self.config, ranks)
        self.change = PictureChanges(self.config, ranks)
        self.averaged = AveragedWeights(self.net, self.config.ema) if self.config.ema else None
        with ExitStack() as stack:
            self.labelled = stack.enter_context(LabelledLoader(train_split, **labelled_options(run, ranks)))
            self.steps = self.labelled.steps_per_epoch
            self.anchors = stack.enter_context(
                open_anchors(self.config, run.shards, run.benchmark, ranks, steps_per_epoch=self.steps)
            )
            self.valid = (
                stack.enter_context(EvalLoader(valid_split, **eval_options(run, ranks))) if valid_split else None
            )

            self.sample: EvalLoader | None = None
            if self.averaged is not None:
                sample = sample_of(train_split, self.config.batch_size)
                self.sample = stack.enter_context(EvalLoader(sample, **sample_options(run, ranks)))

            self.at, offset = Position(), 0
            if state is not None:
                offset = self._load(state)
            sums = self.at.sums or [0.0] * len(self.stepper.objective.names)
            self.sums = torch.tensor(sums, dtype=torch.float64, device=ranks.device)
            self.people = PeopleCount(self.at.people, ranks.device)
            folder = run.folder if ranks.is_first else None
            self.log = stack.enter_context(RunLog(folder, console, offset=offset, step=self._step_of_run))
            self.interrupts = stack.enter_context(Interrupts())
            self._open = stack.pop_all()
        self._saved = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    # The loop ---------------------------------------------------------------------------------------------------------

    def train(self) -> None:
        """All epochs that are left."""
        while self.at.epoch < self.config.epochs:
            self._train_epoch()
            is_kept = self._end_epoch()
            stop = self._stop_asked()
            if is_kept or stop or self._is_checkpoint_due():
                self._save()
            if stop and self.at.epoch < self.config.epochs:
                raise InterruptedRun

    def _train_epoch(self) -> None:
        config, at = self.config, self.at
        if at.step == 0:
            self.labelled.set_epoch(at.epoch)
        anchors: Iterator[Any] | None = None
        if self.anchors is not None and at.epoch >= config.epochs_pre:
            if at.step == 0:
                self.anchors.set_epoch(at.epoch)
            anchors = iter(self.anchors)
        self.log.begin_epoch(at.epoch, config.epochs, at.step, self.steps)
        self._began = time.monotonic()

        for batch in self.labelled:
            self.stepper.lr = learning_rate(config, self._step_of_run, self.steps)
            losses = self._train_step(batch, next(anchors) if anchors is not None else None)
            at.step = batch.step + 1
            self._note(losses)
            if at.step < self.steps and at.step % self._patience == 0:
                self._save_if_due()
        at.seconds += time.monotonic() - self._began

    def _train_step(self, batch: LabelledBatch, anchor_sets: AnchorBatch | RandomBatch | None) -> Losses:
        faces = None
        images, mixed = self.change(batch)
        if anchor_sets is not None:
            chosen, faces, positives = self.stepper.choose(anchor_sets.images)
            images = torch.cat([images, chosen])
            if anchor_sets.identities is not None:
                self.people.add(anchor_sets.identities[:, 1 : 1 + self.config.positives], positives)
        losses = self.stepper(images, batch.targets, faces, mixed)
        if self.averaged is not None:
            self.averaged.update(self.net)
        return losses

    def _end_epoch(self) -> bool:
        """Tell of the epoch; where it is due, validate, and keep the weights: as the last, and as the best if they are.

        Returns:
            Whether it was due.
        """
        at, config = self.at, self.config
        is_due = (at.epoch + 1) % config.validate_every == 0 or at.epoch + 1 == config.epochs
        check_weights(self.net.state_dict(), self.at)
        found: dict[str, float] = {}
        if self.averaged is not None and self.sample is not None and is_due:
            with autocast(config, self.ranks.device):
                self.averaged.take_statistics(batch.images for batch in self.sample)
        if self.valid is not None and is_due:
            found = accuracies(
                self._kept_net,
                self.valid,
                self.config,
                classes=self.run.benchmark.classes,
                ranks=self.ranks,
            )
        counted = told_people(self.ranks.sum(self.people.sums).tolist())
        self.people.sums.zero_()
        told = {"epoch": at.epoch, "seconds": at.seconds, "loss": at.epoch_loss, **found, **counted}
        self.log.write("epoch", told, step=self._step_of_run)
        self.log.tell(_epoch_line(at, config, found, counted))
        if is_due:
            if at.best_epoch is None or not found or found[config.select_on] > at.best[config.select_on]:
                at.best_epoch, at.best = at.epoch, found
                self._keep_model("best", found)
            self._keep_model("last", found)
        at.epoch, at.step, at.seconds, at.epoch_loss = at.epoch + 1, 0, 0.0, 0.0
        return is_due

    # What is told and kept --------------------------------------------------------------------------------------------

    def _note(self, losses: Losses) -> None:
        """Add up the losses, look whether they are numbers, and write a line now and then."""
        at, ranks, every = self.at, self.ranks, self.config.log_every
        self.sums += losses.all
        at.summed += 1
        self.log.advance(at.step)
        is_due = at.step % every == 0 or at.step == self.steps
        # Looking makes a GPU wait.
        if is_due or ranks.device.type == "cpu":
            self._check_finite()
        if is_due:
            means = (ranks.sum(self.sums.clone()) / (at.summed * ranks.world_size)).tolist()
            told = dict(zip(self.stepper.objective.names, means, strict=True))
            self.log.write("steps", {"epoch": at.epoch, **told, "lr": self.stepper.lr}, step=self._step_of_run)
            self.log.tell(f"{at.step:,} of {self.steps:,} steps, loss {told['total']:.4f}", now_and_then=True)
            at.epoch_loss += told["total"] * at.summed / self.steps
            self.sums.zero_()
            at.summed = 0

    def _check_finite(self) -> None:
        check_losses(dict(zip(self.stepper.objective.names, self.sums.tolist(), strict=True)), self.at)

    def _save_if_due(self) -> None:
        stop = self._stop_asked()
        if stop or self._is_checkpoint_due():
            self._check_finite()
            check_weights(self.net.state_dict(), self.at)
            self.at.seconds += time.monotonic() - self._began
            self._save()
            self._began = time.monotonic()
        if stop:
            raise InterruptedRun

    def _is_checkpoint_due(self) -> bool:
        return self.ranks.any(time.monotonic() - self._saved > 60 * self.config.checkpoint_minutes)

    @property
    def _kept_net(self) -> RmferNet:
        """What is evaluated and kept: the averaged weights, where there are any."""
        return self.net if self.averaged is None else self.averaged.net

    def _stop_asked(self) -> bool:
        return self.ranks.any(self.interrupts.asked)

    def _save(self) -> None:
        self.at.sums, self.at.people = self.sums.tolist(), self.people.sums.tolist()
        random = self.ranks.collect(self._random_state())
        if self.ranks.is_first:
            state = {
                "run": self._same(),
                "position": self.at.state_dict(),
                "net": self.net.state_dict(),
                "averaged": None if self.averaged is None else self.averaged.state_dict(),
                "stepper": self.stepper.state_dict(),
                "labelled": self.labelled.state_dict(),
                "anchors": None if self.anchors is None else self.anchors.state_dict(),
                "random": random,
                "log_offset": self.log.offset(),
            }
            save_checkpoint(self.run.folder, state)
        self._saved = time.monotonic()

    def _load(self, state: dict[str, Any]) -> int:
        """Go on where ``state`` was; returns how much of the log counts."""
        self.at = Position(**state["position"])
        self.net.load_state_dict(state["net"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        self.stepper.load_state_dict(state["stepper"])
        self.labelled.load_state_dict(state["labelled"])
        if self.anchors is not None:
            self.anchors.load_state_dict(state["anchors"])
        random = state["random"][self.ranks.rank]
        torch.set_rng_state(random["cpu"])
        if self.ranks.device.type == "cuda":
            torch.cuda.set_rng_state(random["cuda"], self.ranks.device)
        return int(state["log_offset"])

    def _random_state(self) -> dict[str, Tensor]:
        state = {"cpu": torch.get_rng_state()}
        if self.ranks.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.ranks.device)
        return state

    def _same(self) -> dict[str, Any]:
        """What a run and its resumption must share."""
        return {
            "config": self.config.dump(),
            "classes": self.run.benchmark.classes,
            "benchmark": self.run.benchmark.digest,
            "world_size": self.ranks.world_size,
        }

    def _keep_model(self, which: str, found: dict[str, float]) -> None:
        if not self.ranks.is_first:
            return
        info = model_info(self.run, self.at.epoch, which, found, untrained=untrained_parts(self.net))
        save_model(self.run.folder / f"{which}.safetensors", self._kept_net, info)

    @property
    def _step_of_run(self) -> int:
        return self.at.epoch * self.steps + self.at.step

    @property
    def _patience(self) -> int:
        return 1 if self.ranks.world_size == 1 else _STEPS_BETWEEN_QUESTIONS


def _epoch_line(at: Position, config: TrainConfig, found: dict[str, float], people: dict[str, float]) -> str:
    told = ", ".join(f"{name} {100 * value:.2f} %" for name, value in found.items())
    line = f"epoch {at.epoch + 1} of {config.epochs}: {at.seconds:,.0f} s, loss {at.epoch_loss:.4f}"
    if people:
        line += f", P of {people['people_p']:.1f} people, P_imp of {people['people_p_imp']:.1f}"
        line += f" (of one in {100 * people['one_person']:.0f} % of sets)"
    return line + (f", validation {told}" if told else "")
