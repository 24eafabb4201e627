"""Pictures as Pillow has them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def by_pillow(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))
