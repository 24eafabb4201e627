"""Runs against other runs on the same test images, by the probabilities that each run keeps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rmfer.errors import RmferError
from rmfer.evaluation import FOLDER
from rmfer.evaluation.paired import Bools, Difference, McNemar, differences, mcnemar
from rmfer.labelled.duplicates import find_duplicates
from rmfer.labelled.registry import open_benchmark
from rmfer.labels import EXPRESSIONS
from rmfer.plain_yaml import read_yaml
from rmset_builder.core.machine import usable_cores
from rmset_builder.shards.checked_parquet import read_checked


@dataclass(frozen=True)
class Answers:
    """What a run found on the images of a split.

    Attributes:
        name: the run's folder.
        seed: of its training; None where nothing tells.
        benchmark: where its benchmark lay; None where nothing tells.
        images: (N,) names within the benchmark.
        labels: (N,) int64.
        rules: (N,) whether a rule chooses the image, by name; see `rmfer.labelled.split.Split`.
        predicted: (N,) int64, the likeliest expression.
        expressions: (C,) that the run tells apart.
    """

    name: str
    seed: int | None
    benchmark: Path | None
    images: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    rules: dict[str, Bools]
    predicted: npt.NDArray[np.int64]
    expressions: tuple[str, ...]

    @property
    def correct(self) -> Bools:
        """(N,) whether the likeliest expression is the label."""
        return np.asarray(self.predicted == self.labels)


@dataclass(frozen=True)
class Comparison:
    """Of all images, or of those that ``which`` names; pairs are (seed or None, test) of runs that belong together."""

    which: str
    images: int
    found: dict[str, Difference]
    pairs: tuple[tuple[int | None, McNemar], ...]


def read_answers(run: Path, *, split: str, which: str) -> Answers:
    """What the run in a folder kept at its end, or what `rmfer evaluate` wrote.

    Raises:
        RmferError: there is no such table, or several, or it cannot be read.
    """
    found = sorted((run / FOLDER).glob(f"*-{split}-{which}.parquet"))
    if len(found) != 1:
        held = "several tables" if found else "no table"
        raise RmferError(
            f"{run / FOLDER} holds {held} *-{split}-{which}.parquet",
            remedy="it comes with a run's end, or by `rmfer evaluate RUN`" if not found else "keep one of them",
        )
    try:
        table = read_checked(found[0])
    except (pa.ArrowException, OSError) as error:
        raise RmferError(
            f"{found[0]} cannot be read ({error})", remedy="write it anew: `rmfer evaluate RUN`"
        ) from error
    names = [name for name in EXPRESSIONS if name in table.column_names]
    labels = table["label"].to_numpy().astype(np.int64)
    probabilities = np.stack([table[name].to_numpy() for name in names], axis=1)
    others = [name for name in table.column_names if name not in {"image", "label", *names}]
    settings, path = run_settings(run)
    return Answers(
        run.name,
        settings.get("seed"),
        path,
        tuple(table["image"].to_pylist()),
        labels,
        {name: table[name].to_numpy(zero_copy_only=False) for name in others},
        probabilities.argmax(1).astype(np.int64),
        tuple(names),
    )


def confusion_on_test(run: Path, *, which: str, classes: int) -> npt.NDArray[np.int64] | None:
    """(C, C) counts on a run's test split, true expressions by rows; None where the run keeps none."""
    try:
        answers = read_answers(run, split="test", which=which)
    except RmferError:
        return None
    places = answers.labels * classes + answers.predicted
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def compare(ours: Sequence[Answers], theirs: Sequence[Answers], *, seen: Collection[str] = ()) -> list[Comparison]:
    """All images, or those of each rule, and all of them again without the images that training has ``seen``.

    Raises:
        RmferError: the runs were not tested on the same images.
    """
    first = ours[0]
    for other in (*ours[1:], *theirs):
        if other.images != first.images or not np.array_equal(other.labels, first.labels):
            raise RmferError(
                f"{other.name} and {first.name} were not tested on the same images",
                remedy="compare runs on one benchmark, and with as many classes",
            )
    paired = pairs(ours, theirs)
    if paired is not None:
        ours, theirs = [one for one, _ in paired], [other for _, other in paired]
    a, b = (np.stack([run.correct for run in side]) for side in (ours, theirs))
    told = []
    unseen = np.asarray([image not in seen for image in first.images]) if seen else None
    for rule, chosen in (first.rules or {"": np.ones(len(first.images), np.bool_)}).items():
        for without in (False, True) if unseen is not None else (False,):
            part = chosen & unseen if without and unseen is not None else chosen
            words = ([f"by {rule}"] if rule else []) + (["not in training"] if without else [])
            tests = tuple((one.seed, mcnemar(one.correct[part], other.correct[part])) for one, other in paired or ())
            found = differences(a[:, part], b[:, part], first.labels[part], in_pairs=paired is not None)
            told.append(Comparison(", ".join(words), int(part.sum()), found, tests))
    return told


def seen_in_training(path: Path, split: str) -> set[str]:
    """Names of the images of a benchmark's ``split`` whose pixels also stand in training; every image is decoded.

    Raises:
        RmferError: there is no such benchmark.
    """
    benchmark = open_benchmark(path, skip_missing=True)
    groups = find_duplicates(benchmark, workers=usable_cores()).groups
    known = [group for group in groups if any(place.split == "train" for place in group)]
    numbers = [place.number for group in known for place in group if place.split == split != "train"]
    own = benchmark.splits[split]
    return {own.images.key_of(int(own.items[number])) for number in numbers}


def pairs(ours: Sequence[Answers], theirs: Sequence[Answers]) -> list[tuple[Answers, Answers]] | None:
    """Runs of the same seed, or the only ones; None where they do not come in pairs."""
    if len(ours) == len(theirs) == 1:
        return [(ours[0], theirs[0])]
    by_seed = {run.seed: run for run in theirs}
    seeds = [run.seed for run in ours]
    if None in seeds or len(set(seeds)) != len(seeds) or len(by_seed) != len(theirs) or set(seeds) != set(by_seed):
        return None
    return [(run, by_seed[run.seed]) for run in ours]


def run_settings(run: Path) -> tuple[dict[str, Any], Path | None]:
    """A run's settings, and where its benchmark lay; nothing where nothing tells."""
    try:
        told = read_yaml((run / "config.yaml").read_text(encoding="utf-8"))
        return dict(told["settings"]), Path(told["benchmark"]["path"])
    except (OSError, ValueError, KeyError, TypeError):  # a folder that `rmfer evaluate` alone wrote
        return {}, None
