"""Pictures moved by a few pixels: an augmentation of ours, off by default, for networks that begin with nothing."""

from __future__ import annotations

from torch import Tensor, stack
from torch.nn.functional import pad


def shift(images: Tensor, numbers: Tensor, *, reach: int) -> Tensor:
    """Each of ``images`` moved by up to ``reach`` pixels across and down, its edge mirrored.

    Args:
        images: (N, 3, H, W).
        numbers: (2 N,) in [0, 1): how far down each, then how far across each.
        reach: pixels, below H and W.
    """
    height, width = images.shape[2:]
    wide = pad(images, (reach,) * 4, mode="reflect")
    down, across = (numbers * (2 * reach + 1)).long().view(2, -1).tolist()
    return stack([own[:, y : y + height, x : x + width] for own, y, x in zip(wide, down, across, strict=True)])
