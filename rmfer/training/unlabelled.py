"""Where pictures without labels come from, for methods that want some: shards, or the rest of the benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rmfer.errors import RmferError
from rmfer.labelled.random_pictures import RandomPictures
from rmfer.losses.method import Method
from rmfer.shards.faces import FaceLoader
from rmfer.shards.index import open_index
from rmfer.training.anchors import Wanted, need_shards, shards_grey


@contextmanager
def open_unlabelled(wanted: Wanted, methods: Iterable[Method]) -> Iterator[FaceLoader | RandomPictures | None]:
    """As many pictures a step as there are labelled ones, unchanged; None where no method wants them.

    Raises:
        RmferError: nothing says where they are from, or what they come from is missing or has too few.
    """
    wanting = [method.name for method in methods if method.wants_unlabelled]
    if not wanting:
        yield None
        return
    with _open(wanted, wanting[0]) as loader:
        yield loader


def _open(wanted: Wanted, method: str) -> FaceLoader | RandomPictures:
    run = wanted.run
    config = run.config
    common = {**wanted.common, "batch_size": config.batch_size, "seed": config.seed}
    if config.unlabelled == "rest":
        return RandomPictures(wanted.splits.unlabelled, mean=run.benchmark.mean, std=run.benchmark.std, **common)
    if config.unlabelled == "shards":
        index = open_index(need_shards(run.shards))
        return FaceLoader(index, augment=False, grey=shards_grey(config, run.benchmark), **common)
    raise RmferError(
        f"{method} learns from pictures without labels too, and unlabelled is none",
        remedy="say which: --set unlabelled=shards, or with --set labelled=4000 the rest: --set unlabelled=rest",
    )
