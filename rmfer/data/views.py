"""Further views of pictures on their device, which methods compare: noise, erased parts, moved, strongly changed."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
from torch import Generator, Tensor

from rmfer.data.affine import NUMBERS, affine

Levels = tuple[float, float, float]

# RandAugment's scale of magnitudes.
_BINS = 31
_OPERATIONS = 3
_GREY = 128


def noisy(images: Tensor, generator: Generator, *, sigma: float, share: float, std: Levels) -> Tensor:
    """Gaussian noise on some pictures.

    Args:
        images: (N, 3, H, W), normalised with ``std``.
        generator: on their device.
        sigma: of the noise, in [0, 1] of all levels.
        share: of the pictures.
        std: of red, green, blue.
    """
    chosen = _uniform(images, generator, len(images), 1, 1, 1) < share
    noise = torch.empty_like(images).normal_(generator=generator)
    scale = images.new_tensor([sigma / level for level in std]).view(1, 3, 1, 1)
    return torch.where(chosen, images + noise * scale, images)


def erased(images: Tensor, generator: Generator, *, share: float, area: tuple[float, float]) -> Tensor:
    """Random erasing (Zhong et al., AAAI 2020): a rectangle of some pictures becomes 0.

    Args:
        images: (N, 3, H, W).
        generator: on their device.
        share: of the pictures.
        area: of the rectangle, of the picture's, drawn between the two; sides are .3 to 3.3 of one another, and never
            longer than the picture's.
    """
    numbers = _uniform(images, generator, 5, len(images))
    size = area[0] + (area[1] - area[0]) * numbers[1]
    low, high = math.log(0.3), math.log(3.3)
    ratio = (low + (high - low) * numbers[2]).exp()
    height, width = ((size * ratio).sqrt().clamp(max=1), (size / ratio).sqrt().clamp(max=1))
    inside = _inside(images, height, width, numbers[3], numbers[4])
    return images.masked_fill(inside & (numbers[0] < share)[:, None, None, None], 0.0)


def moved(
    images: Tensor, generator: Generator, *, share: float, flip: float = 0.5, rotate: float = 0.0, shift: float = 0.0
) -> Tensor:
    """Pictures mirrored, and some of them turned and moved, mirrored beyond their edges.

    Args:
        images: (N, 3, H, W), H = W.
        generator: on their device.
        share: of the pictures that are turned and moved.
        flip: share that is mirrored.
        rotate: degrees to either side.
        shift: to either side, of the picture's width.
    """
    numbers = _uniform(images, generator, len(images), NUMBERS)
    stays = _uniform(images, generator, len(images), 1) >= share
    numbers[:, 1:] = numbers[:, 1:].masked_fill(stays, 0.5)
    return affine(images, numbers, flip=flip, rotate=rotate, shift=shift * images.shape[-1])


def strong(images: Tensor, generator: Generator, *, mean: Levels, std: Levels) -> Tensor:
    """Three of RandAugment's operations (Cubuk et al., 2020) of any magnitude, then a grey square.

    The square is up to half as wide as the picture.

    Args:
        images: (N, 3, H, W) float32, normalised with ``mean`` and ``std``.
        generator: on their device.
        mean: of red, green, blue in [0, 1].
        std: of the same.
    """
    centre, scale = (images.new_tensor(levels).view(1, 3, 1, 1) for levels in (mean, std))
    pixels = ((images * scale + centre) * 255).round_().clamp_(0, 255).to(torch.uint8)
    magnitudes = (_uniform(images, generator, len(images), _OPERATIONS) * _BINS).long().tolist()
    seed = int(_uniform(images, generator, 1).item() * 2**24)
    # The operations draw from torch's own numbers on the CPU, whose course is not to change.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for place, own in enumerate(magnitudes):
            for magnitude in own:
                pixels[place] = _operations()[magnitude](pixels[place])
    numbers = _uniform(images, generator, 3, len(images))
    side = numbers[0] / 2
    pixels = pixels.masked_fill(_inside(images, side, side, numbers[1], numbers[2]), _GREY)
    return (pixels.to(images.dtype) / 255 - centre) / scale


@cache
def _operations() -> list[Any]:
    """One of RandAugment's operations at random, for each magnitude."""
    from torchvision.transforms import v2  # noqa: PLC0415 (a second, which other methods need not wait for)

    return [v2.RandAugment(num_ops=1, magnitude=magnitude, num_magnitude_bins=_BINS) for magnitude in range(_BINS)]


def _uniform(images: Tensor, generator: Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=generator, device=images.device)


def _inside(images: Tensor, height: Tensor, width: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """(N, 1, H, W) whether a pixel is in its picture's rectangle; sides and places (N,) in [0, 1]."""
    rows, columns = (
        _between(images.shape[side], length, start) for side, length, start in ((2, height, down), (3, width, across))
    )
    return rows[:, None, :, None] & columns[:, None, None, :]


def _between(size: int, length: Tensor, start: Tensor) -> Tensor:
    """(N, size) whether a line is within ``length`` of all lines from ``start`` of what is left on."""
    lines = torch.arange(size, device=length.device)
    count = (length * size).round()
    first = (start * (size - count + 1)).floor()
    return (lines >= first[:, None]) & (lines < (first + count)[:, None])
