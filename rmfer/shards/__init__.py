"""Shards as a training store: index, random access, sampler and loader; see docs/training-store.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmfer.shards.images import ImageReader
from rmfer.shards.index import Index, open_index
from rmfer.shards.sampler import AnchorSampler, AnchorSet, SamplerSettings

if TYPE_CHECKING:
    from rmfer.shards.loader import AnchorBatch, AnchorLoader

__all__ = [
    "AnchorBatch",
    "AnchorLoader",
    "AnchorSampler",
    "AnchorSet",
    "ImageReader",
    "Index",
    "SamplerSettings",
    "open_index",
]


def __getattr__(name: str) -> Any:
    # The loader needs torch, which takes seconds to import and which the index does without.
    if name in ("AnchorBatch", "AnchorLoader"):
        from rmfer.shards import loader  # noqa: PLC0415

        return getattr(loader, name)
    raise AttributeError(name)
