"""One picture: read, its faces found and recognised."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from rmfer.predict.recogniser import Recogniser
from rmfer.predict.results import Face
from rmfer.predict.sources import InputError

if TYPE_CHECKING:
    from rmset_builder.api import PictureFaces

Pixels = npt.NDArray[np.uint8]

MOST_PIXELS = 200_000_000


@dataclass(frozen=True)
class Picture:
    """A picture (h, w, 3) uint8 RGB, upright, and its faces from left to right."""

    pixels: Pixels
    faces: list[Face]

    def as_json(self, path: Path, names: tuple[str, ...]) -> dict[str, Any]:
        """As plain values."""
        height, width = self.pixels.shape[:2]
        faces = [face.as_json(names) for face in self.faces]
        return {"file": str(path), "width": width, "height": height, "faces": faces}


def look_at(path: Path, recogniser: Recogniser, faces: PictureFaces | None) -> Picture:
    """The faces of a picture and their expressions.

    Args:
        path: the picture.
        recogniser: of aligned faces.
        faces: finds them; None: the picture as a whole is an aligned face.

    Raises:
        InputError: it cannot be read.
    """
    pixels = read_picture(path)
    if faces is None:
        return Picture(pixels, [Face(recogniser.probabilities([pixels])[0])])
    found = faces.find(pixels)
    probabilities = recogniser.probabilities(found.pictures)
    return Picture(
        pixels,
        [
            Face(shares, box=(box[0], box[1], box[2], box[3]), score=score)
            for shares, box, score in zip(probabilities, found.boxes.tolist(), found.scores.tolist(), strict=True)
        ],
    )


def read_picture(path: Path) -> Pixels:
    """A picture file as (h, w, 3) uint8 RGB, turned upright; of several pages the first, transparency on white.

    Raises:
        InputError: it is missing, no picture, damaged or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own warning of large pictures; the limit here is told
            with Image.open(path) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise InputError(
                        f"{path} has {opened.width:,} x {opened.height:,} pixels", remedy="make it smaller first"
                    )
                return np.asarray(_rgb(ImageOps.exif_transpose(opened)), np.uint8)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist", remedy="check the path") from None
    except PermissionError:
        raise InputError(f"{path} may not be read", remedy=f"run: chmod u+r {path}") from None
    except UnidentifiedImageError:
        raise InputError(
            f"{path} is no picture that can be read", remedy="give a JPEG, PNG, WebP, TIFF or BMP"
        ) from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is damaged ({error})", remedy="fetch it again") from error


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode in ("I;16", "I;16B", "I;16L", "I"):  # 16 bits, which convert() would cut off at 255
        return Image.fromarray((np.asarray(picture, np.int64) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(ground, layered).convert("RGB")
    return picture.convert("RGB")
