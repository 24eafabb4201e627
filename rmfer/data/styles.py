"""The style of a made-up person: a gamma, blur, tilt and crop that all of its pictures share."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from rmfer.data.affine import affine

NUMBERS = 6
"""Numbers in [0, 1) that a style takes: gamma, blur, tilt, size, place across and down."""

_MOST_GAMMA = 1.8
_MOST_BLUR = 1 / 40  # standard deviation, share of the side
_MOST_TILT = 12.0  # degrees
_MOST_ZOOM = 0.12
_MOST_SHIFT = 1 / 16  # share of the side


def styled(images: Tensor, numbers: Tensor, *, mean: Tensor, std: Tensor) -> Tensor:
    """``images`` as their people look.

    Args:
        images: (N, 3, H, W) float32, H = W, normalised.
        numbers: (N, 6) in [0, 1), on the same device; pictures of one person have the same.
        mean: (3,) of the normalisation.
        std: (3,) of the same.

    Returns:
        (N, 3, H, W), in the layout of ``images``.
    """
    side = images.shape[-1]
    places = torch.cat([torch.zeros_like(numbers[:, :1]), numbers[:, 2:]], 1)
    moved = affine(images, places, rotate=_MOST_TILT, zoom=_MOST_ZOOM, shift=_MOST_SHIFT * side)
    blurred = _blurred(moved, numbers[:, 1] * _MOST_BLUR * side)
    exponent = torch.exp((2 * numbers[:, 0] - 1) * math.log(_MOST_GAMMA))[:, None, None, None]
    mean, std = (levels.to(images)[:, None, None] for levels in (mean, std))
    lit = (blurred * std + mean).clamp(0, 1) ** exponent.to(images)
    return (lit - mean) / std


def _blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Each of ``images`` (N, 3, H, W) blurred by a Gaussian of its own ``sigma`` (N,), pixels."""
    count, channels = images.shape[:2]
    reach = max(1, math.ceil(3 * _MOST_BLUR * images.shape[-1]))
    steps = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    weights = torch.exp(-(steps**2) / (2 * sigma.to(images)[:, None] ** 2).clamp_min(1e-6))
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    layout = torch.channels_last if images.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    flat = images.contiguous().view(1, count * channels, *images.shape[2:])
    across = conv2d(pad(flat, (reach, reach, 0, 0), "replicate"), weights[:, None, None, :], groups=count * channels)
    down = conv2d(pad(across, (0, 0, reach, reach), "replicate"), weights[:, None, :, None], groups=count * channels)
    return down.view_as(images).contiguous(memory_format=layout)
