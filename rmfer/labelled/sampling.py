"""Which labelled pictures make up a batch: a function of seed, epoch and step, and of nothing else."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from rmfer.data.rng import LABELLED, uniforms
from rmfer.errors import BenchmarkError, RmferError
from rmfer.labelled.split import Int64s, Split
from rmfer.labels import class_names

Balance = Literal["weighted", "exact", "none"]


class LabelledSampler:
    """Draws the labelled batches of all processes together.

    Args:
        split: of which.
        classes: 7 or 8.
        batch_size: pictures a batch.
        balance: "weighted" draws with weights 1/n_c, with replacement (method.md, "Training facts"); "exact" gives
            every batch equally many of each class, what is left over going round, each class in a random order that
            ends before it begins anew; "none" takes all pictures once, in a random order.
        seed: of all draws.

    Raises:
        RmferError: ``balance`` is something else.
        BenchmarkError: a class has no picture.
    """

    def __init__(self, split: Split, *, classes: int, batch_size: int, balance: Balance, seed: int) -> None:
        if balance not in get_args(Balance):
            raise RmferError(f"balance {balance!r} is none of {', '.join(get_args(Balance))}")
        if not 0 <= seed < 2**64:
            raise RmferError(f"seed {seed} is not a number from 0 to 2^64 - 1")
        check_trainable(split, classes)
        self.split, self.classes, self.batch_size, self.balance, self.seed = split, classes, batch_size, balance, seed
        self.steps_per_epoch = max(1, len(split) // batch_size)
        self._of_class = [np.flatnonzero(split.labels == label) for label in range(classes)]
        self._order = lru_cache(maxsize=4 * classes)(self._shuffled)

    def batch(self, epoch: int, step: int) -> Int64s:
        """(batch_size,) pictures of the split."""
        if self.balance == "none":
            places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
            everything = self._order(len(self.split), epoch, 0)
            return everything[places % len(everything)]
        numbers = uniforms(2 * self.batch_size, seed=self.seed, epoch=epoch, number=step, purpose=LABELLED)
        if self.balance == "exact":
            return self._exact(epoch, step)[np.argsort(numbers[: self.batch_size], kind="stable")]
        labels = (numbers[: self.batch_size] * self.classes).astype(np.int64)
        within = numbers[self.batch_size :]
        own = [self._of_class[label] for label in labels.tolist()]
        return np.asarray([rows[int(u * len(rows))] for rows, u in zip(own, within.tolist(), strict=True)], np.int64)

    def _exact(self, epoch: int, step: int) -> Int64s:
        share, rest = divmod(self.batch_size, self.classes)
        chosen = []
        for label, rows in enumerate(self._of_class):
            # Of those left over, which go round through the classes, so many before this step were this class's.
            before = _extra(label, step * rest, self.classes)
            begin = step * share + before
            count = share + _extra(label, (step + 1) * rest, self.classes) - before
            for place in range(begin, begin + count):
                turn, at = divmod(place, len(rows))
                chosen.append(rows[self._order(len(rows), epoch, 1 + label + self.classes * turn)[at]])
        return np.asarray(chosen, np.int64)

    def _shuffled(self, count: int, epoch: int, which: int) -> Int64s:
        numbers = uniforms(count, seed=self.seed, epoch=epoch, number=which, attempt=1, purpose=LABELLED)
        return np.argsort(numbers, kind="stable")


def _extra(label: int, dealt: int, classes: int) -> int:
    """How many of ``dealt`` cards, dealt round from class 0 on, ``label`` has."""
    return (dealt - label + classes - 1) // classes if dealt > label else 0


def check_trainable(split: Split, classes: int) -> None:
    """Make sure that every class has a picture.

    Raises:
        BenchmarkError: one has none; names it.
    """
    counts = split.counts(classes)
    without = [name for name, count in zip(class_names(classes), counts.tolist(), strict=True) if not count]
    if without:
        where = split.name_of(0).rpartition("/")[0] if len(split) else split.name
        raise BenchmarkError(
            where, f"no picture of {', '.join(without)} in {split.name!r}", remedy="add some: every class needs one"
        )


def check_ranks(rank: int, world_size: int) -> None:
    """Make sure that ``rank`` is one of ``world_size``.

    Raises:
        RmferError: it is not.
    """
    if not 0 <= rank < world_size:
        raise RmferError(f"rank {rank} is not one of {world_size} from 0 on")
