"""A trained network on a split of a benchmark: what it finds, and how good that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from rmfer.errors import RmferError
from rmfer.evaluation import (
    AccuracyIntervals,
    Interval,
    absent_classes,
    accuracy_intervals,
    average_accuracy,
    class_recalls,
    confusion_matrix,
    overall_accuracy,
    recall_intervals,
)
from rmfer.evaluation.accuracy import Counts
from rmfer.evaluation.intervals import DRAWS, LEVEL, SEED
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.loader import EvalLoader
from rmfer.labelled.readers.ferplus import RULES
from rmfer.labelled.split import Split
from rmfer.labels import class_names
from rmfer.model.network import RmferNet
from rmfer.model.saved import ModelInfo

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Evaluation:
    """How a network does on a split.

    Attributes:
        benchmark: its title.
        split: its name.
        confusion: (C, C), row = label, column = expression found, as the network has classes.
        info: of the network.
        missing: how many images of the split are not there and were left out.
        rule: by which the images of the split were chosen, where there are several: see `Split.rules`.
    """

    benchmark: str
    split: str
    confusion: Counts
    info: ModelInfo
    missing: int = 0
    rule: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """(C,) the expressions."""
        return class_names(self.info.classes)

    @property
    def images(self) -> int:
        """How many there are in the split."""
        return int(self.confusion.sum())

    @property
    def overall(self) -> float:
        """Correct images / all images, in [0, 1]."""
        return float(overall_accuracy(self.confusion))

    @property
    def average(self) -> float:
        """Mean of the classes' recalls, in [0, 1]; of those that have an image."""
        return float(average_accuracy(self.confusion))

    @property
    def place(self) -> str:
        """The split, and where there are several the rule, for the eye."""
        return f"{self.split} by {self.rule}" if self.rule else self.split

    @property
    def absent(self) -> tuple[str, ...]:
        """Expressions that no image of the split is labelled with."""
        return tuple(self.names[label] for label in absent_classes(self.confusion))

    @cached_property
    def intervals(self) -> AccuracyIntervals:
        """Of overall and average accuracy: 95 %, percentile bootstrap over images."""
        return accuracy_intervals(self.confusion)

    @property
    def recall_intervals(self) -> tuple[Interval | None, ...]:
        """(C,) of the recalls: 95 %, Wilson's score interval; None for a class without an image."""
        return recall_intervals(self.confusion)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures has to know besides them."""
        told = []
        if self.rule in RULES:
            told.append(f"{self.rule}: {RULES[self.rule]}")
        if self.missing:
            told.append(f"{self.missing:,} images of the split are missing and were left out")
        if self.absent:
            told.append(f"no image of {', '.join(self.absent)}, left out of the average")
        if self.benchmark == self.info.benchmark:
            if self.split == "train":
                told.append("it was trained on these very images")
            if self.split == "valid" and self.info.which == "best":
                told.append("the best epoch was chosen on these very images")
        elif self.info.benchmark:
            told.append(f"trained on another benchmark, {self.info.benchmark}")
        return tuple(told)

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values; accuracies in [0, 1]."""
        recalls, counts = class_recalls(self.confusion).tolist(), self.confusion.sum(axis=1).tolist()
        info, intervals = self.info, self.intervals
        return {
            "benchmark": self.benchmark,
            "split": self.split,
            **({"rule": self.rule} if self.rule else {}),
            "images": self.images,
            "missing": self.missing,
            "model": {
                "backbone": info.backbone,
                "trained_on": info.benchmark,
                "preset": info.preset,
                "epoch": info.epoch + 1,
                "which": info.which,
            },
            "overall_accuracy": _measured(self.overall, intervals.overall),
            "average_accuracy": _measured(self.average, intervals.average),
            "intervals": {
                "level": LEVEL,
                "accuracies": f"percentile bootstrap over images, {DRAWS} draws, seed {SEED}",
                "recalls": "Wilson score",
            },
            "recalls": {
                name: {"images": count, **(_measured(recall, interval) if interval else {"value": None})}
                for name, count, recall, interval in zip(
                    self.names, counts, recalls, self.recall_intervals, strict=True
                )
            },
            "confusion": {
                "rows": "label",
                "columns": "found",
                "classes": list(self.names),
                "counts": self.confusion.tolist(),
            },
            "notes": list(self.notes),
        }


def evaluate(
    net: RmferNet,
    info: ModelInfo,
    benchmark: Benchmark,
    split: str = "test",
    *,
    device: torch.device | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> tuple[Evaluation, Probabilities]:
    """Let a network look at every image of a split once, each by itself.

    Args:
        net: on ``device``; is in evaluation mode afterwards.
        info: what belongs to it: size, normalisation, classifier.
        benchmark: with as many classes as the network, or fewer.
        split: the name of one of its splits.
        device: where the network is; None is the CPU.
        batch_size: images at a time; changes nothing but speed.
        workers: threads that decode; by default one for each core that may be used.
        advance: called with how many more images are done.

    Returns:
        How good it is, and the probabilities (N, C) that it gives to each image of the split.

    Raises:
        RmferError: no such split, an expression that the network does not know, an image that cannot be decoded, or
            logits that are not numbers.
    """
    chosen = find_split(benchmark, split)
    if benchmark.classes > info.classes:
        raise RmferError(
            f"{benchmark.title} has {benchmark.classes} expressions, the model knows {info.classes}",
            remedy=f"open the benchmark with {info.classes} classes",
        )
    probabilities = np.empty((len(chosen), info.classes), np.float32)
    net.eval()
    options = {"batch_size": batch_size, "size": info.size, "mean": info.mean, "std": info.std, "workers": workers}
    on_gpu = device if device is not None and device.type == "cuda" else None
    with torch.inference_mode(), EvalLoader(chosen, device=on_gpu, **options) as loader:  # type: ignore[arg-type]
        for batch in loader:
            logits = net.logits(batch.images, head=info.evaluate_with).float()
            probabilities[batch.items.numpy()] = logits.softmax(1).cpu().numpy()
            advance(len(batch.items))
    if not np.isfinite(probabilities).all():
        raise RmferError(
            "the model gives logits that are not numbers", remedy="it is damaged, or its training came to grief"
        )
    confusion = confusion_matrix(chosen.labels, probabilities.argmax(1), classes=info.classes)
    return Evaluation(benchmark.title, split, confusion, info, missing=len(chosen.missing)), probabilities


def by_rules(found: Evaluation, split: Split, probabilities: Probabilities) -> list[Evaluation]:
    """The same network on those images of ``split`` that each of its rules chooses; ``found`` where it has none.

    A rule that chooses no image, as may be in a part of a benchmark, is left out.
    """
    guesses, classes = probabilities.argmax(1), found.info.classes
    every = [
        replace(found, rule=rule, confusion=confusion_matrix(split.labels[own], guesses[own], classes=classes))
        for rule, own in split.rules.items()
        if own.any()
    ]
    return every or [found]


def find_split(benchmark: Benchmark, name: str) -> Split:
    """The split of that name, with its labelled images.

    Raises:
        RmferError: the benchmark has none, or no expressions.
    """
    if not benchmark.classes:
        raise RmferError(
            f"{benchmark.path} ({benchmark.title}) has no expressions to evaluate on",
            remedy="give --benchmark FERPlus, RAF-DB, AffectNet or FER2013",
        )
    if name not in benchmark.splits or not len(benchmark.splits[name]):
        held = ", ".join(found for found, split in benchmark.splits.items() if len(split))
        raise RmferError(f"{benchmark.title} has no split {name}", remedy=f"it has: {held}")
    return benchmark.splits[name]


def _measured(value: float, interval: Interval) -> dict[str, float]:
    return {"value": value, "low": interval.low, "high": interval.high}
