"""Decoding, augmenting and normalising whole batches with torch, on the device that trains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from rmfer.data.augment import (
    BRIGHTNESS,
    CONTRAST,
    FLIP,
    GRAYSCALE,
    HUE,
    JITTER,
    LUMA,
    RMSET_MEAN,
    RMSET_STD,
    SATURATION,
    AugmentPlan,
    levels_of,
)
from rmfer.errors import RmferError


def check_device(device: torch.device) -> None:
    """Make sure that ``device`` is there.

    Raises:
        RmferError: it is not.
    """
    if device.type == "cuda" and not (torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()):
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        raise RmferError(
            f"there is no GPU {device}: torch {torch.__version__} sees {found}",
            remedy="use the CPU (device=None, decode_on='cpu'), or install a driver and a torch built for it",
        )


class DeviceStage:
    """Copies batches to a device and finishes them there; on a GPU in a stream of its own.

    Args:
        device: where.
        size: height and width that pictures decoded there are brought to.
        grey: make pictures decoded there grey, and normalise all with the levels of grey ones.
    """

    def __init__(self, device: torch.device, *, size: int, grey: bool = False) -> None:
        self.device, self.size, self.grey = device, size, grey
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def wait_for(self, images: Tensor) -> None:
        """Let the current stream wait until ``images`` are there."""
        if self.stream is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_stream(self.stream)
            images.record_stream(current)

    def send(self, images: Tensor) -> Tensor:
        """``images`` on the device."""
        with torch.cuda.stream(self.stream):
            return images.to(self.device, non_blocking=True)

    def finish(self, images: Tensor, plan: AugmentPlan) -> Tensor:
        """Augmented and normalised, float32."""
        with torch.cuda.stream(self.stream):
            return normalize(augment_batch(images, plan), *levels_of(grey=self.grey))

    def decode(self, files: list[Tensor]) -> tuple[Tensor, list[tuple[int, str]]]:
        """Decode JPEG ``files`` with nvJPEG.

        Returns:
            (N, 3, H, W) uint8 on the device, and (place, why) of those that cannot be decoded.
        """
        from torchvision.io import ImageReadMode, decode_jpeg  # noqa: PLC0415

        faults: list[tuple[int, str]] = []
        with torch.cuda.stream(self.stream):
            try:
                pictures = decode_jpeg(files, mode=ImageReadMode.RGB, device=self.device)
            except RuntimeError:  # it does not say which
                pictures = []
                for place, file in enumerate(files):
                    try:
                        pictures.append(decode_jpeg(file, mode=ImageReadMode.RGB).to(self.device))
                    except RuntimeError as error:
                        faults.append((place, f"its picture cannot be decoded ({str(error).splitlines()[0]})"))
            sized = [self._sized(picture) for picture in pictures]
            if self.grey:
                sized = [_luma(picture[None])[0].round().to(torch.uint8).expand(3, -1, -1) for picture in sized]
            return torch.stack(sized) if sized else torch.empty(0), faults

    def _sized(self, picture: Tensor) -> Tensor:
        if picture.shape[1:] == (self.size, self.size):
            return picture
        resized = interpolate(picture[None].float(), (self.size, self.size), mode="bilinear", antialias=True)
        return resized[0].round_().clamp_(0, 255).to(torch.uint8)


def normalize(images: Tensor, mean: tuple[float, ...] = RMSET_MEAN, std: tuple[float, ...] = RMSET_STD) -> Tensor:
    """(x / 255 - mean) / std of (..., 3, H, W) in 0 .. 255, as float32 in the layout that ``images`` has."""
    shape = (3, 1, 1)
    scale = torch.tensor([1 / (255 * s) for s in std], device=images.device).view(shape)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=images.device).view(shape)
    return images.to(torch.float32).mul_(scale).add_(shift)


def augment_batch(images: Tensor, plan: AugmentPlan) -> Tensor:
    """The augmentation that ``augment.augment`` does, for a batch at once, without rounding in between.

    Args:
        images: (N, 3, H, W), 0 .. 255, uint8 or float.
        plan: for N pictures.

    Returns:
        (N, 3, H, W) float32, 0 .. 255.
    """
    images = images.to(torch.float32, copy=True)

    def where(chosen: npt.NDArray[np.bool_]) -> Tensor:
        return torch.from_numpy(np.flatnonzero(chosen)).to(images.device, non_blocking=True)

    if len(flip := where(plan.kind == FLIP)):
        images[flip] = images[flip].flip(-1)
    if len(gray := where(plan.kind == GRAYSCALE)):
        images[gray] = _luma(images[gray]).expand(-1, 3, -1, -1)
    strength = torch.from_numpy(plan.strength).to(images.device, non_blocking=True)
    for place in range(4):
        for which, change in _CHANGES.items():
            chosen = where((plan.kind == JITTER) & (plan.order[:, place] == which))
            if len(chosen):
                factor = strength[chosen, which].view(-1, 1, 1, 1)
                images[chosen] = change(images[chosen], factor).clamp_(0, 255)
    return images


def _luma(images: Tensor) -> Tensor:
    weights = torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)


def _brightness(images: Tensor, factor: Tensor) -> Tensor:
    return images * factor


def _contrast(images: Tensor, factor: Tensor) -> Tensor:
    mean = _luma(images).mean((1, 2, 3), keepdim=True)
    return mean + factor * (images - mean)


def _saturation(images: Tensor, factor: Tensor) -> Tensor:
    gray = _luma(images)
    return gray + factor * (images - gray)


def _hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue, keeping the largest and smallest channel of each pixel (HSV)."""
    high, low = images.amax(1), images.amin(1)
    chroma = high - low
    red, green, blue = images.unbind(1)
    safe = chroma.clamp_min(1e-6)
    hue = torch.where(
        high == red,
        (green - blue) / safe,
        torch.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    hue = (hue + 6 * shift[:, 0]) % 6
    # Each channel of HSV is high - chroma * clamp(min(k, 4 - k), 0, 1) with k = (n + hue) mod 6, n = 5, 3, 1.
    channels = []
    for offset in (5, 3, 1):
        k = (hue + offset) % 6
        channels.append(high - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, 1)


_CHANGES = {BRIGHTNESS: _brightness, CONTRAST: _contrast, SATURATION: _saturation, HUE: _hue}
