"""Pictures and presences that the tests make shards of."""

from __future__ import annotations

import cv2
import numpy as np

Seen = tuple[int, int, int]  # frame, identity, track


def picture(number: int, size: int = 64) -> bytes:
    """A JPEG like no other: coarse noise from its number, and its number as a bar code in the middle."""
    noise = np.random.default_rng(number).integers(40, 216, (8, 8, 3), dtype=np.uint8)
    image = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    encoded: bytes = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    return encoded


def wall(frames: int, people: int, every: int = 1) -> list[Seen]:
    """Everyone in every frame."""
    return [(frame, person, person) for frame in range(0, frames, every) for person in range(people)]
