"""A run: where it lies, what it trains on, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmfer.labelled.benchmark import Benchmark
from rmfer.model.saved import ModelInfo
from rmfer.settings import TrainConfig


@dataclass(frozen=True)
class Run:
    """What `rmfer.training.trainer.train` is given.

    Args:
        folder: of the run's files.
        config: all settings.
        benchmark: the labelled pictures.
        shards: their folder; None where no setting needs them.
        presets: whose settings they are; only to be told.
    """

    folder: Path
    config: TrainConfig
    benchmark: Benchmark
    shards: Path | None = None
    presets: tuple[str, ...] = ()

    def same(self, world_size: int) -> dict[str, Any]:
        """What a run and its resumption must share; ``world_size`` processes train it."""
        return {
            "config": self.config.dump(),
            "classes": self.benchmark.classes,
            "benchmark": self.benchmark.digest,
            "world_size": world_size,
        }


def model_info(
    run: Run, epoch: int, which: str, found: Mapping[str, float], *, untrained: tuple[str, ...]
) -> ModelInfo:
    """What is kept with a run's weights.

    Args:
        run: whose weights.
        epoch: from 0, after which they are kept.
        which: "last" or "best".
        found: accuracies on the validation split, by name.
        untrained: parts of the network that the file is to lack.
    """
    config = run.config
    return ModelInfo(
        backbone=config.backbone,
        backbone_args=config.backbone_args,
        classes=run.benchmark.classes,
        size=config.size,
        mean=run.benchmark.eval_mean,
        std=run.benchmark.eval_std,
        benchmark=run.benchmark.title,
        preset=" ".join(run.presets),
        epoch=epoch,
        which=which,
        evaluate_with=config.evaluate_with,
        metrics={f"valid_{name}": value for name, value in found.items()},
        config=config.dump(),
        untrained=untrained,
        head=config.head,
    )


class InterruptedRun(Exception):  # noqa: N818 (no error: the user wished it)
    """The user stopped a run; its last step is in the checkpoint."""
