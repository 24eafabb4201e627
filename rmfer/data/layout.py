"""Where the channels of pictures lie in memory: convolutions are quicker, by far on a CPU, where it suits them."""

from __future__ import annotations

import torch
from torch import Tensor


def in_layout_of(images: Tensor, other: Tensor) -> Tensor:
    """``images`` (N, C, H, W) with channels last in memory, or not, as ``other`` has them; copied only where needed."""
    is_last = other.is_contiguous(memory_format=torch.channels_last)
    return images.contiguous(memory_format=torch.channels_last if is_last else torch.contiguous_format)
