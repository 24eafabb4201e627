"""Benchmarks as they are distributed, and their labelled pictures as batches; see docs/benchmarks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.registry import open_benchmark
from rmfer.labelled.split import Split, hold_out

if TYPE_CHECKING:
    from rmfer.labelled.loader import EvalLoader, LabelledBatch, LabelledLoader
    from rmfer.labelled.random_sets import RandomBatch, RandomSets

__all__ = [
    "Benchmark",
    "EvalLoader",
    "LabelledBatch",
    "LabelledLoader",
    "RandomBatch",
    "RandomSets",
    "Split",
    "hold_out",
    "open_benchmark",
]


def __getattr__(name: str) -> Any:
    # The loaders need torch, which takes seconds to import and which the readers do without.
    if name in ("EvalLoader", "LabelledBatch", "LabelledLoader"):
        from rmfer.labelled import loader  # noqa: PLC0415

        return getattr(loader, name)
    if name in ("RandomBatch", "RandomSets"):
        from rmfer.labelled import random_sets  # noqa: PLC0415

        return getattr(random_sets, name)
    raise AttributeError(name)
