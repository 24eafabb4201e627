"""Where the anchor sets of ACL come from: shards, or random sets of other pictures (Table 4)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmfer.distributed import Ranks
from rmfer.errors import RmferError
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.missing import missing_note
from rmfer.labelled.prior_sets import Prior, PriorSets
from rmfer.labelled.random_sets import RandomSets
from rmfer.labelled.registry import open_benchmark
from rmfer.settings import TrainConfig
from rmfer.shards.loader import AnchorLoader
from rmfer.shards.sampler import SamplerSettings
from rmfer.shards.shard_files import find_shards
from rmfer.training.run import Run
from rmfer.training.setup import TrainingSplits

log = logging.getLogger("rmfer")

_NAMED = 5
AnchorSource = AnchorLoader | RandomSets


@dataclass(frozen=True)
class Wanted:
    """What an anchor source is opened for: a run, its splits, this process, and the steps of an epoch."""

    run: Run
    splits: TrainingSplits
    ranks: Ranks
    steps_per_epoch: int

    @property
    def common(self) -> dict[str, Any]:
        """Arguments that all loaders of anchor sets share."""
        config, ranks = self.run.config, self.ranks
        return {
            "rank": ranks.rank,
            "world_size": ranks.world_size,
            "steps_per_epoch": self.steps_per_epoch,
            "workers": config.workers,
            "size": config.size,
            "device": ranks.device if ranks.device.type == "cuda" else None,
        }

    @property
    def sets(self) -> dict[str, int]:
        """Seed and size of the sets, and how many of them this process has in a step."""
        config = self.run.config
        return {
            "seed": config.seed,
            "anchors_per_step": config.anchors_per_step // self.ranks.world_size,
            "positives": config.positives,
            "negatives": config.negatives,
        }


SOURCES: dict[str, Callable[[Wanted], AnchorSource]] = {}
"""By the name that the setting ``acl_source`` has."""


def register_source(name: str, opener: Callable[[Wanted], AnchorSource]) -> None:
    """Add a source of anchor sets.

    Args:
        name: for the setting ``acl_source``.
        opener: opens it; its options are the setting ``acl_options``.

    Raises:
        ValueError: the name is taken.
    """
    if name in SOURCES:
        raise ValueError(f"an anchor source named {name} is there already")
    SOURCES[name] = opener


@contextmanager
def open_anchors(wanted: Wanted) -> Iterator[AnchorSource | None]:
    """The anchor sets of a run; None where no loss needs them.

    Raises:
        RmferError: what they come from is missing, or cannot give 50 + 50 faces for any anchor.
    """
    config, ranks = wanted.run.config, wanted.ranks
    if not config.uses_acl:
        yield None
        return
    if config.acl_source not in SOURCES:
        raise RmferError(f"acl_source: there is no {config.acl_source}", remedy=f"there are {', '.join(SOURCES)}")
    if config.anchors_per_step % ranks.world_size:
        raise RmferError(
            f"anchors_per_step {config.anchors_per_step} cannot be shared by {ranks.world_size} processes",
            remedy=f"use a multiple, for example --set anchors_per_step={ranks.world_size}",
        )
    with SOURCES[config.acl_source](wanted) as source:
        yield source


def _of_shards(wanted: Wanted) -> AnchorLoader:
    config = wanted.run.config
    on_gpu = wanted.ranks.device.type == "cuda"
    loader = AnchorLoader(
        need_shards(wanted.run.shards),
        SamplerSettings(frame_stride=config.frame_stride, **wanted.sets),
        grey=shards_grey(config, wanted.run.benchmark),
        augment=("device" if on_gpu else "cpu") if config.augment else "off",
        **wanted.common,
    )
    if wanted.ranks.is_first and (left_out := loader.sampler.eligible.left_out):
        told = "; ".join(f"{video}: {reason}" for video, reason in left_out[:_NAMED])
        more = f" and {len(left_out) - _NAMED:,} more" if len(left_out) > _NAMED else ""
        total = len(loader.sampler.index.videos)
        log.warning(f"{len(left_out):,} of {total:,} videos give no anchor sets: {told}{more}")
    return loader


def _of_benchmark(wanted: Wanted) -> RandomSets:
    benchmark = wanted.run.benchmark
    return RandomSets(benchmark.splits["train"], **_pictures(wanted, benchmark))


def _of_celeba(wanted: Wanted) -> RandomSets:
    config = wanted.run.config
    if config.celeba is None:
        raise RmferError("acl_source celeba needs CelebA", remedy="say where it lies: --set celeba=FOLDER_OR_ZIP")
    found = open_benchmark(Path(config.celeba), skip_missing=config.skip_missing)
    if note := missing_note(found):
        log.warning("%s: %s", config.celeba, note)
    if found.kind != "celeba":
        raise RmferError(f"{config.celeba} holds {found.title}, not CelebA", remedy="--set celeba=FOLDER_OR_ZIP")
    return RandomSets(found.splits["train"], **_pictures(wanted, found))


def _with_known_prior(wanted: Wanted) -> PriorSets:
    """Of the training pictures whose labels are not used; see `rmfer.labelled.prior_sets`."""
    options = wanted.run.config.acl_options
    try:
        prior = Prior(**options)
    except TypeError:
        raise RmferError(
            f"acl_options {options} are not those of acl_source prior", remedy="it has p, q and styles"
        ) from None
    if not len(wanted.splits.unlabelled):
        raise RmferError("acl_source prior needs pictures without labels", remedy="label a part: --set labelled=4000")
    return PriorSets(wanted.splits.unlabelled, prior=prior, **_pictures(wanted, wanted.run.benchmark))


def _pictures(wanted: Wanted, benchmark: Benchmark) -> dict[str, Any]:
    levels = {"mean": benchmark.mean, "std": benchmark.std, "augment": wanted.run.config.augment}
    return {**levels, **wanted.sets, **wanted.common}


register_source("shards", _of_shards)
register_source("benchmark", _of_benchmark)
register_source("celeba", _of_celeba)
register_source("prior", _with_known_prior)


def shards_grey(config: TrainConfig, benchmark: Benchmark) -> bool:
    """Whether the shards' pictures are made grey (the authors do so where the benchmark is FERPlus)."""
    return config.shard_colour == "grey" or (config.shard_colour == "benchmark" and benchmark.is_grey)


def need_shards(shards: Path | None) -> Path:
    """``shards``, which this run cannot do without.

    Raises:
        RmferError: there are none.
    """
    if shards is None or not shards.is_dir():
        raise RmferError(
            f"these settings train on shards, and {shards or 'shards/'} is no folder",
            remedy="say where they lie (--rmset FOLDER), make them (`rmset extract`), or train without: --preset ial",
        )
    find_shards(shards)
    return shards
