"""What stands before the first step: torch's switches, the splits, the network and its weights."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console

from rmfer.distributed import Ranks
from rmfer.errors import RmferError
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.split import Split, draw_part, hold_out
from rmfer.model.network import RmferNet
from rmfer.model.weights import load_weights
from rmfer.settings import TrainConfig
from rmfer.training.run import Run


def prepare_torch(config: TrainConfig) -> None:
    """Seed torch, and choose between the quickest and the same kernels every time."""
    torch.manual_seed(config.seed)
    torch.backends.cudnn.benchmark = not config.deterministic
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(config.deterministic)


class TrainingSplits(NamedTuple):
    """What is trained on, what is validated on (None: nothing), and training pictures whose labels are not used."""

    train: Split
    valid: Split | None
    unlabelled: Split


def training_splits(benchmark: Benchmark, config: TrainConfig) -> TrainingSplits:
    """The benchmark's own splits, or with ``holdout`` a share of each class to validate on.

    With ``labelled`` only so many pictures are trained on, and the others are unlabelled; without, none is.

    Raises:
        RmferError: the benchmark has no expressions, or no training pictures, or fewer than ``labelled``.
    """
    if not benchmark.classes or "train" not in benchmark.splits:
        raise RmferError(
            f"{benchmark.path} ({benchmark.title}) has no labelled training pictures",
            remedy="`rmfer benchmark` tells which sets can be trained on",
        )
    train, valid = benchmark.splits["train"].by_rule(config.label_rule), benchmark.splits.get("valid")
    valid = valid.by_rule(config.label_rule) if valid is not None else None
    if valid is not None and not len(valid):
        valid = None
    if valid is None and config.holdout:
        train, valid = hold_out(train, config.holdout, seed=config.seed)
    if not config.labelled:
        return TrainingSplits(train, valid, train.part(np.empty(0, np.int64)))
    train, unlabelled = draw_part(train, config.labelled, seed=config.seed)
    return TrainingSplits(train, valid, unlabelled)


def labelled_options(run: Run, ranks: Ranks) -> dict[str, Any]:
    """Of `LabelledLoader`."""
    config = run.config
    return {
        "batch_size": config.batch_size,
        "size": config.size,
        "seed": config.seed,
        "rank": ranks.rank,
        "world_size": ranks.world_size,
        "balance": config.balance,
        "augment": config.augment,
        "soft_labels": config.soft_labels,
        "mean": run.benchmark.mean,
        "std": run.benchmark.std,
        "workers": config.workers,
        "device": ranks.device if ranks.device.type == "cuda" else None,
        "classes": run.benchmark.classes,
    }


def eval_options(run: Run, ranks: Ranks) -> dict[str, Any]:
    """Of `EvalLoader`."""
    config = run.config
    return {
        "size": config.size,
        "rank": ranks.rank,
        "world_size": ranks.world_size,
        "mean": run.benchmark.eval_mean,
        "std": run.benchmark.eval_std,
        "workers": config.workers,
        "device": ranks.device if ranks.device.type == "cuda" else None,
    }


def sample_options(run: Run, ranks: Ranks) -> dict[str, Any]:
    """Of an `EvalLoader` over training pictures: as they are, and the same ones in every process."""
    options = {**eval_options(run, ranks), "rank": 0, "world_size": 1}
    return options | {"mean": run.benchmark.mean, "std": run.benchmark.std, "batch_size": run.config.batch_size}


def build_net(config: TrainConfig, classes: int, ranks: Ranks, console: Console, *, fresh: bool) -> RmferNet:
    """The network on its device; ``fresh`` with the weights that a run begins with.

    Raises:
        RmferError: an unknown backbone, or weights that cannot be had.
    """
    hub = fresh and config.weights == "hub"
    net = RmferNet(
        config.backbone, classes=classes, backbone_args=config.backbone_args, pretrained=hub, head=config.head
    )
    if fresh and config.weights not in ("hub", "none"):
        report = load_weights(net, config.weights)
        if ranks.is_first:
            console.print(str(report), highlight=False, soft_wrap=True)
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    net.to(ranks.device, memory_format=layout)  # type: ignore[call-overload]
    if ranks.world_size > 1 and ranks.device.type == "cuda":
        net.backbone = torch.nn.SyncBatchNorm.convert_sync_batchnorm(net.backbone)  # type: ignore[no-untyped-call]
    if config.compile:
        net.backbone.compile()
    # From here on ranks differ: dropout of the one is not the other's.
    torch.manual_seed(config.seed + ranks.rank)
    return net
