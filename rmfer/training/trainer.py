"""The training loop, to be read from top to bottom."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import torch
from rich.console import Console

from rmfer.distributed import Ranks
from rmfer.labelled.loader import LabelledBatch
from rmfer.labelled.random_sets import RandomBatch
from rmfer.model.network import untrained_parts
from rmfer.model.saved import save_model
from rmfer.shards.loader import AnchorBatch
from rmfer.training.checkpointing import CHECKPOINT, Position, check_same_run, load_checkpoint, save_checkpoint
from rmfer.training.finite import check_weights
from rmfer.training.interrupts import Interrupts
from rmfer.training.logs import RunLog, epoch_line
from rmfer.training.objective import Losses
from rmfer.training.parts import open_parts
from rmfer.training.people import PeopleCount
from rmfer.training.people import told as told_people
from rmfer.training.random_state import random_state, set_random_state
from rmfer.training.run import InterruptedRun, Run, model_info
from rmfer.training.running_losses import RunningLosses
from rmfer.training.setup import prepare_torch
from rmfer.training.stepping import learning_rate
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
            check_same_run(state["run"], run.same(ranks.world_size))
        with ExitStack() as stack:
            self.parts = stack.enter_context(open_parts(run, ranks, console, fresh=state is None))
            self.steps = self.parts.labelled.steps_per_epoch
            self.at, written = Position(), 0
            if state is not None:
                self.at, written = Position(**state["position"]), int(state["log_offset"])
                self.parts.load_state_dict(state)
                set_random_state(state["random"][ranks.rank], ranks.device)
            self.losses = RunningLosses(self.parts.stepper.objective.names, self.at, ranks)
            self.people = PeopleCount(self.at.people, ranks.device)
            folder = run.folder if ranks.is_first else None
            self.log = stack.enter_context(RunLog(folder, console, offset=written, step=self._step_of_run))
            self.interrupts = stack.enter_context(Interrupts())
            self._open = stack.pop_all()
        self._saved = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

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
        config, at, parts = self.config, self.at, self.parts
        parts.begin_epoch(at.epoch, at.step)
        self.log.begin_epoch(at.epoch, config.epochs, at.step, self.steps)
        self._began = time.monotonic()

        for batch in parts.labelled:
            parts.stepper.lr = learning_rate(config, self._step_of_run, self.steps)
            losses = self._train_step(batch, parts.anchors.take())
            at.step = batch.step + 1
            self._note(losses)
            patience = 1 if self.ranks.world_size == 1 else _STEPS_BETWEEN_QUESTIONS
            if at.step < self.steps and at.step % patience == 0:
                self._save_if_due()
        at.seconds += time.monotonic() - self._began

    def _train_step(self, batch: LabelledBatch, anchor_sets: AnchorBatch | RandomBatch | None) -> Losses:
        parts, faces = self.parts, None
        looked = parts.look(batch)
        images = looked.images
        if anchor_sets is not None:
            chosen, faces, positives = parts.stepper.choose(anchor_sets.images)
            images = torch.cat([images, chosen])
            if anchor_sets.identities is not None:
                self.people.add(anchor_sets.identities[:, 1 : 1 + self.config.positives], positives)
        losses = parts.stepper(images, looked, faces)
        parts.after_step()
        return losses

    def _note(self, losses: Losses) -> None:
        """Add up the losses, look whether they are numbers, and write a line now and then."""
        at = self.at
        self.losses.add(losses.all)
        self.log.advance(at.step)
        is_due = at.step % self.config.log_every == 0 or at.step == self.steps
        # Looking makes a GPU wait.
        if is_due or self.ranks.device.type == "cpu":
            self.losses.check(at)
        if is_due:
            steps = self.losses.steps
            means = self.losses.take_means()
            told = {"epoch": at.epoch, **means, "lr": self.parts.stepper.lr}
            self.log.write("steps", told, step=self._step_of_run)
            self.log.tell(f"{at.step:,} of {self.steps:,} steps, loss {means['total']:.4f}", now_and_then=True)
            at.epoch_loss += means["total"] * steps / self.steps

    def _end_epoch(self) -> bool:
        """Tell of the epoch; where it is due, validate, and keep the weights: as the last, and as the best if they are.

        Returns:
            Whether it was due.
        """
        at, config, parts = self.at, self.config, self.parts
        is_due = (at.epoch + 1) % config.validate_every == 0 or at.epoch + 1 == config.epochs
        check_weights(parts.net.state_dict(), at)
        parts.after_epoch(at.epoch)
        found: dict[str, float] = {}
        attention: dict[str, float] = {}
        if is_due:
            parts.settle()
            attention = parts.attention()
            if parts.valid is not None:
                classes = self.run.benchmark.classes
                found = accuracies(parts.kept_net, parts.valid, config, classes=classes, ranks=self.ranks)
        counted = told_people(self.ranks.sum(self.people.sums).tolist())
        self.people.sums.zero_()
        told = {"epoch": at.epoch, "seconds": at.seconds, "loss": at.epoch_loss, **found, **attention, **counted}
        self.log.write("epoch", told, step=self._step_of_run)
        self.log.tell(epoch_line(told, epochs=config.epochs, accuracies=found))
        if is_due:
            if at.best_epoch is None or not found or found[config.select_on] > at.best[config.select_on]:
                at.best_epoch, at.best = at.epoch, found
                self._keep_model("best", found)
            self._keep_model("last", found)
        at.epoch, at.step, at.seconds, at.epoch_loss = at.epoch + 1, 0, 0.0, 0.0
        return is_due

    def _keep_model(self, which: str, found: dict[str, float]) -> None:
        if self.ranks.is_first:
            info = model_info(self.run, self.at.epoch, which, found, untrained=untrained_parts(self.parts.net))
            save_model(self.run.folder / f"{which}.safetensors", self.parts.kept_net, info)

    def _save_if_due(self) -> None:
        stop = self._stop_asked()
        if stop or self._is_checkpoint_due():
            self.losses.check(self.at)
            check_weights(self.parts.net.state_dict(), self.at)
            self.at.seconds += time.monotonic() - self._began
            self._save()
            self._began = time.monotonic()
        if stop:
            raise InterruptedRun

    def _save(self) -> None:
        self.losses.note(self.at)
        self.at.people = self.people.sums.tolist()
        random = self.ranks.collect(random_state(self.ranks.device))
        if self.ranks.is_first:
            state = {
                "run": self.run.same(self.ranks.world_size),
                "position": self.at.state_dict(),
                "random": random,
                "log_offset": self.log.offset(),
                **self.parts.state_dict(),
            }
            save_checkpoint(self.run.folder, state)
        self._saved = time.monotonic()

    def _is_checkpoint_due(self) -> bool:
        return self.ranks.any(time.monotonic() - self._saved > 60 * self.config.checkpoint_minutes)

    def _stop_asked(self) -> bool:
        return self.ranks.any(self.interrupts.asked)

    @property
    def _step_of_run(self) -> int:
        return self.at.epoch * self.steps + self.at.step
