"""Pictures mirrored, turned, enlarged and moved at once: augmentations of ours, off by default."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from rmfer.data.layout import in_layout_of

# Numbers that each picture takes.
NUMBERS = 5


def affine(
    images: Tensor, numbers: Tensor, *, flip: float = 0.0, rotate: float = 0.0, zoom: float = 0.0, shift: float = 0.0
) -> Tensor:
    """Each of ``images`` seen through a map of its own, bilinearly, mirrored beyond its edges.

    Args:
        images: (N, 3, H, W) float32, H = W.
        numbers: (N, 5) in [0, 1): whether it is mirrored, how far it is turned, enlarged, moved across and down.
        flip: share that is mirrored.
        rotate: degrees to either side.
        zoom: sizes are from 1 - zoom to 1 + zoom of what they were.
        shift: pixels to either side.

    Returns:
        (N, 3, H, W), in the layout of ``images``.
    """
    side = images.shape[-1]
    mirrored = torch.where(numbers[:, 0] < flip, -1.0, 1.0)
    centred = 2 * numbers[:, 1:] - 1
    angle = centred[:, 0] * math.radians(rotate)
    size = 1 + centred[:, 1] * zoom
    cosine, sine = angle.cos() / size, angle.sin() / size
    across, down = (centred[:, 2:] * (2 * shift / side)).unbind(1)
    lines = torch.stack([mirrored * cosine, -mirrored * sine, across, sine, cosine, down], 1)
    theta = lines.to(images.device, images.dtype, non_blocking=True).view(-1, 2, 3)
    grid = affine_grid(theta, list(images.shape), align_corners=False)
    seen = grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return in_layout_of(seen, images)
