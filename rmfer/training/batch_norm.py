"""Batch-norm's running statistics through SAM's two passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def statistics_of(net: nn.Module) -> list[Tensor]:
    """Running means, variances and counts of all batch-norms of ``net``; the very buffers."""
    return [buffer for part in net.modules() if isinstance(part, _BatchNorm) for buffer in part.buffers(recurse=False)]


@contextmanager
def kept(statistics: list[Tensor]) -> Iterator[None]:
    """What happens inside leaves ``statistics`` as they were.

    Copied back rather than switched off: a switch would make a compiled network compile again.
    """
    before = [buffer.clone() for buffer in statistics]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(statistics, before, strict=True):
                buffer.copy_(value)
