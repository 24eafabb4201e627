"""Where the anchor sets of ACL come from: shards, or random sets of other pictures (Table 4)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rmfer.errors import RmferError
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.missing import missing_note
from rmfer.labelled.random_sets import RandomSets
from rmfer.labelled.registry import open_benchmark
from rmfer.labelled.split import Split
from rmfer.shards.loader import AnchorLoader
from rmfer.shards.sampler import SamplerSettings
from rmfer.shards.shard_files import find_shards
from rmfer.training.config import TrainConfig
from rmfer.training.distributed import Ranks

log = logging.getLogger("rmfer")

_NAMED = 5
AnchorSource = AnchorLoader | RandomSets


@contextmanager
def open_anchors(
    config: TrainConfig, shards: Path | None, benchmark: Benchmark, ranks: Ranks, *, steps_per_epoch: int
) -> Iterator[AnchorSource | None]:
    """The anchor sets of a run; None where no loss needs them.

    Raises:
        RmferError: what they come from is missing, or cannot give 50 + 50 faces for any anchor.
    """
    if not config.uses_acl:
        yield None
        return
    with _source(config, shards, benchmark, ranks, steps_per_epoch) as source:
        yield source


def _source(
    config: TrainConfig, shards: Path | None, benchmark: Benchmark, ranks: Ranks, steps_per_epoch: int
) -> AnchorSource:
    on_gpu = ranks.device.type == "cuda"
    if config.anchors_per_step % ranks.world_size:
        raise RmferError(
            f"anchors_per_step {config.anchors_per_step} cannot be shared by {ranks.world_size} processes",
            remedy=f"use a multiple, for example --set anchors_per_step={ranks.world_size}",
        )
    own = config.anchors_per_step // ranks.world_size
    if config.acl_source == "shards":
        loader = AnchorLoader(
            need_shards(shards),
            SamplerSettings(
                seed=config.seed,
                anchors_per_step=own,
                positives=config.positives,
                negatives=config.negatives,
                frame_stride=config.frame_stride,
            ),
            rank=ranks.rank,
            world_size=ranks.world_size,
            steps_per_epoch=steps_per_epoch,
            workers=config.workers,
            size=config.size,
            grey=shards_grey(config, benchmark),
            augment=("device" if on_gpu else "cpu") if config.augment else "off",
            device=ranks.device if on_gpu else None,
        )
        if ranks.is_first and (left_out := loader.sampler.eligible.left_out):
            told = "; ".join(f"{video}: {reason}" for video, reason in left_out[:_NAMED])
            more = f" and {len(left_out) - _NAMED:,} more" if len(left_out) > _NAMED else ""
            total = len(loader.sampler.index.videos)
            log.warning(f"{len(left_out):,} of {total:,} videos give no anchor sets: {told}{more}")
        return loader
    split, of = _other(config, benchmark)
    return RandomSets(
        split,
        anchors_per_step=own,
        positives=config.positives,
        negatives=config.negatives,
        size=config.size,
        seed=config.seed,
        rank=ranks.rank,
        world_size=ranks.world_size,
        steps_per_epoch=steps_per_epoch,
        augment=config.augment,
        mean=of.mean,
        std=of.std,
        workers=config.workers,
        device=ranks.device if on_gpu else None,
    )


def _other(config: TrainConfig, benchmark: Benchmark) -> tuple[Split, Benchmark]:
    if config.acl_source == "benchmark":
        return benchmark.splits["train"], benchmark
    if config.celeba is None:
        raise RmferError("acl_source celeba needs CelebA", remedy="say where it lies: --set celeba=FOLDER_OR_ZIP")
    found = open_benchmark(Path(config.celeba), skip_missing=config.skip_missing)
    if note := missing_note(found):
        log.warning("%s: %s", config.celeba, note)
    if found.kind != "celeba":
        raise RmferError(f"{config.celeba} holds {found.title}, not CelebA", remedy="--set celeba=FOLDER_OR_ZIP")
    return found.splits["train"], found


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
