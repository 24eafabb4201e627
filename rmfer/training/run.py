"""A run: where it lies, what it trains on, and with which settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rmfer.datasets.benchmark import Benchmark
from rmfer.training.config import TrainConfig


@dataclass(frozen=True)
class Run:
    """What `rmfer.training.loop.train` is given.

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


class InterruptedRun(Exception):  # noqa: N818 (no error: the user wished it)
    """The user stopped a run; its last step is in the checkpoint."""
