"""The faces that `align_jpeg.py` measures with, and the ways in which they are drawn and encoded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from rmset_builder.core.geometry import similarity_transform
from rmset_builder.faces.align import sharpness, sharpness_of_luma, template
from rmset_builder.faces.jpeg import encode_jpeg
from rmset_builder.shards.layout import shard_path
from rmset_builder.shards.reader import read_blocks
from rmset_builder.shards.schema import joined
from rmset_builder.video.colour import ColourMatrix
from rmset_builder.video.decode import Frame, FrameReader
from rmset_builder.video.ffmpeg import find_ffmpeg
from rmset_builder.video.info import VideoInfo, file_url

SIDE, QUALITY = 260, 95
# Where a pixel of a half-size plane lies in the whole one, as 4:2:0 of JPEG and OpenCV have it: amid four.
HALF = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])

Planes = tuple[Frame, ...]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Face:
    """A face: its frame, BGRA and as Y, Cb, Cr; transforms of whole and of half-size planes; its file in the shard."""

    frame: Frame
    planes: Planes
    matrix: Matrix
    half_matrix: Matrix
    stored: bytes


@dataclass(frozen=True)
class Variant:
    """How a face is drawn, encoded, and its sharpness measured."""

    draw: Callable[[Face], Any]
    encode: Callable[[Any], bytes]
    sharp: Callable[[Any], float] = sharpness


def warped(face: Face) -> Frame:
    """As `rmset extract` draws it."""
    return np.asarray(cv2.warpAffine(face.frame, face.matrix, (SIDE, SIDE)), np.uint8)


def warped_planes(face: Face) -> Planes:
    """Y, and at half size Cb and Cr, in JPEG's full range; black outside."""
    half = (SIDE // 2, SIDE // 2)
    y = cv2.warpAffine(face.planes[0], face.matrix, (SIDE, SIDE), borderValue=16)
    colours = [cv2.warpAffine(plane, face.half_matrix, half, borderValue=128) for plane in face.planes[1:]]
    wide, wider = 255 / 219, 255 / 224
    y = cv2.addWeighted(y, wide, y, 0, -16 * wide)
    return y, *(cv2.addWeighted(plane, wider, plane, 0, 128 * (1 - wider)) for plane in colours)


def exact(face: Face) -> Frame:
    """RGB (SIDE, SIDE, 3): the planes in float32, colours interpolated to whole size, then warped, rounded once."""
    y, *colours = (plane.astype(np.float32) for plane in face.planes)
    y = (y - 16) * np.float32(255 / 219)
    cb, cr = ((cv2.resize(plane, y.shape[::-1]) - 128) * np.float32(255 / 224) for plane in colours)
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1)
    return np.asarray(cv2.warpAffine(rgb, face.matrix, (SIDE, SIDE)).round().clip(0, 255), np.uint8)


def encoded(quality: int = QUALITY, colours: str = "420", *, fast: bool = False) -> Variant:
    """A face drawn as it is now, encoded in another way."""
    options = {"quality": quality, "colorspace": "BGRA", "colorsubsampling": colours, "fastdct": fast}
    return Variant(warped, partial(simplejpeg.encode_jpeg, **options))


VARIANTS = {
    "present": Variant(warped, partial(encode_jpeg, quality=QUALITY)),
    "fast DCT": encoded(fast=True),
    "quality 90": encoded(90),
    "quality 98": encoded(98),
    "4:2:2": encoded(colours="422"),
    "4:4:4": encoded(colours="444"),
    "from planes": Variant(
        warped_planes,
        lambda planes: simplejpeg.encode_jpeg_yuv_planes(*planes, QUALITY),
        lambda planes: sharpness_of_luma(planes[0]),
    ),
}


def faces_of(video: Path, scratch: Path, wanted: int) -> list[Face]:
    """At least so many faces of evenly spread frames, where the video has them."""
    command = [sys.executable, "-m", "rmset_builder", "extract", str(video), "--out", str(scratch)]
    subprocess.run(command, check=True, capture_output=True)
    rows = joined(list(read_blocks(shard_path(scratch, video.stem, 0))))
    shown = np.unique(rows.frame)
    count = min(len(shown), -(-wanted * len(shown) // len(rows)))
    chosen = set(shown[np.linspace(0, len(shown) - 1, count).astype(int)].tolist())
    pictures = frames_of(VideoInfo.from_path(video), chosen)
    faces = []
    for row in np.flatnonzero(np.isin(rows.frame, list(chosen))):
        matrix = similarity_transform(rows.landmarks[row].reshape(5, 2), template(SIDE))
        half = np.linalg.inv(HALF) @ np.vstack([matrix, [0, 0, 1]]) @ HALF
        faces.append(Face(*pictures[int(rows.frame[row])], matrix, half[:2], rows.images[row]))
    return faces


def frames_of(info: VideoInfo, chosen: set[int]) -> dict[int, tuple[Frame, Planes]]:
    """Some frames of a video, as `FrameReader` gives them and as the decoder does; a difference ends the program."""
    if info.plain_planes is not ColourMatrix.BT601:
        raise SystemExit(f"{info.path}: planes of BT.601 alone can be made JPEGs of as they are")
    command = [find_ffmpeg().path, "-v", "error", "-i", file_url(info.path), "-map", f"0:{info.track}"]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1"]
    found: dict[int, tuple[Frame, Planes]] = {}
    with FrameReader(info) as reader, subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        height, width = reader.shape[:2]
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            raw = np.frombuffer(process.stdout.read(height * width * 3 // 2), np.uint8)
            if reader.count - 1 in chosen:
                if not np.array_equal(cv2.cvtColor(raw.reshape(-1, width), cv2.COLOR_YUV2BGRA_I420), buffer):
                    raise SystemExit(f"{info.path}: the decoder's planes are not those of the frame")
                y, cb, cr = np.split(raw, [height * width, height * width * 5 // 4])
                colours = (plane.reshape(height // 2, width // 2) for plane in (cb, cr))
                found[reader.count - 1] = (buffer.copy(), (y.reshape(height, width), *colours))
    return found
