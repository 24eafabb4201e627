"""What a detector is: a network for pictures of one input size, and a kind of ONNX file that such a network is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import cv2
import numpy as np
import onnx

from rmset_builder.core.geometry import Array
from rmset_builder.detection.faces import Faces, Image
from rmset_builder.inference.session import Device

_BGRA = 4
_MULTIPLE = 32


@dataclass(frozen=True)
class InputSize:
    """The size of a detector's input in pixels, both sides multiples of 32."""

    width: int
    height: int

    @classmethod
    def for_picture(cls, width: int, height: int, *, longest_side: int) -> Self:
        """The smallest input that holds a picture of ``width`` x ``height`` scaled to ``longest_side``.

        Example:
            >>> InputSize.for_picture(1280, 720, longest_side=640)
            InputSize(width=640, height=384)
        """
        scale = longest_side / max(width, height)
        return cls(*(max(1, -(-round(side * scale) // _MULTIPLE)) * _MULTIPLE for side in (width, height)))


class Detector(Protocol):
    """A face detector with one fixed input size, which threads may share."""

    def detect(self, pictures: Sequence[Image]) -> list[Faces]:
        """The faces of each picture, (h, w, 4) uint8 BGRA or (h, w, 3) RGB; all of one call have the same shape."""

    def surest(self, pictures: Sequence[Image]) -> Array:
        """The score of the surest face of each of n >= 1 pictures, (n,); the threshold where none reaches it."""

    def close(self) -> None:
        """Give back what the model holds."""


class DetectorOpener(Protocol):
    """Opens a file of a kind for one input size."""

    def __call__(self, model: Path, *, size: InputSize, batch: int, device: Device, threshold: float) -> Detector:
        """A detector.

        Args:
            model: the ONNX file.
            size: the input's size, into which pictures are scaled.
            batch: pictures that the model takes at a time.
            device: where to run.
            threshold: faces below this score are left out.

        Raises:
            RmsetError: the file is another model, or a GPU was asked for and cannot be used.
        """


@dataclass(frozen=True)
class DetectorKind:
    """A kind of detector.

    Attributes:
        name: what it is called in messages, with what tells its files from others.
        fits: whether the graph of an ONNX file is of this kind.
        open: opens such a file.
    """

    name: str
    fits: Callable[[onnx.GraphProto], bool]
    open: DetectorOpener


def fit_inside(width: int, height: int, size: InputSize) -> tuple[int, int]:
    """Width and height of a picture scaled into ``size``, rounded as insightface rounds."""
    if height / width > size.height / size.width:
        return max(1, int(size.height * width / height)), size.height
    return size.width, max(1, int(size.width * height / width))


def scaled_into(size: InputSize, pictures: Sequence[Image]) -> tuple[Image, float]:
    """Pictures of one shape as one input: scaled to fit, black at the right and at the bottom.

    Returns:
        (n, height, width, 3) uint8 RGB, and input pixels per pixel of the pictures.
    """
    height, width = pictures[0].shape[:2]
    inner_width, inner_height = fit_inside(width, height, size)
    canvas = np.zeros((len(pictures), size.height, size.width, 3), np.uint8)
    for slot, picture in zip(canvas, pictures, strict=True):
        scaled = cv2.resize(picture, (inner_width, inner_height))
        slot[:inner_height, :inner_width] = (
            cv2.cvtColor(scaled, cv2.COLOR_BGRA2RGB) if picture.shape[2] == _BGRA else scaled
        )
    return canvas, inner_height / height
