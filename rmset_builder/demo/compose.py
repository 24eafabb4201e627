"""Compose a short reaction mashup out of the six people in the photo that insightface ships.

Example:
    python -m rmset_builder.demo --out demo/videos/demo.mp4
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click
import cv2
import numpy as np

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import whole_file
from rmset_builder.demo.scene import FPS, FRAMES, HEIGHT, PEOPLE, WIDTH, Image, Scene, build_scene, draw_frames
from rmset_builder.inference.session import Device, open_session
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.video.ffmpeg import Ffmpeg, find_ffmpeg
from rmset_builder.video.ffmpeg_listing import listed

DEFAULT_OUT = Path("demo/videos/demo.mp4")

_MEND_PHOTO = "run: python -m pip install --force-reinstall --no-deps insightface"
_DETECTOR_SIZE = (640, 640)
# The settings that are best for each encoder; one thread, as several would make the bytes depend on the machine.
_X264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "19", "-g", "50", "-threads", "1"]
_MPEG4 = ["-c:v", "mpeg4", "-q:v", "2", "-g", "50", "-threads", "1"]


def find_photo() -> Path:
    """The photo of six people inside the installed package insightface, found without importing it.

    Raises:
        RmsetError: the package or the photo is missing.
    """
    spec = importlib.util.find_spec("insightface")
    if spec is None or not spec.submodule_search_locations:
        raise RmsetError("insightface is not installed", remedy=_MEND_PHOTO)
    photo = Path(next(iter(spec.submodule_search_locations))) / "data" / "images" / "t1.jpg"
    if not photo.is_file():
        raise RmsetError(f"insightface's photo {photo} is missing", remedy=_MEND_PHOTO)
    return photo


def detect_people(photo: Image) -> list[tuple[float, float, float, float]]:
    """The face boxes (x0, y0, x1, y1) of the photo's people, from left to right.

    Raises:
        RmsetError: they are not six.
    """
    from insightface.model_zoo.scrfd import SCRFD  # noqa: PLC0415  slow to import, and needed only here

    detector = load_pack().detector
    session = open_session(str(detector), Device())
    boxes, _ = SCRFD(model_file=str(detector), session=session).detect(photo, input_size=_DETECTOR_SIZE)
    if len(boxes) != PEOPLE:
        raise RmsetError(f"insightface's photo shows {len(boxes)} faces instead of {PEOPLE}", remedy=_MEND_PHOTO)
    return sorted((float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1, _ in boxes)


def load_scene() -> Scene:
    """The scene that the photo's people make.

    Raises:
        RmsetError: the photo is missing, unreadable or another one.
    """
    path = find_photo()
    photo = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if photo is None:
        raise RmsetError(f"insightface's photo {path} cannot be read", remedy=_MEND_PHOTO)
    pixels = np.asarray(photo, np.uint8)
    return build_scene(pixels, detect_people(pixels))


def encode(frames: Iterable[Image], out: Path, ffmpeg: Ffmpeg) -> None:
    """Pipe frames (1280 x 720, BGR) through ffmpeg into an MP4 file that is whole or absent.

    Raises:
        RmsetError: ffmpeg fails; its own words are in the message.
    """
    codec = _X264 if "libx264" in listed(ffmpeg, "encoders") else _MPEG4
    raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", f"{WIDTH}x{HEIGHT}", "-framerate", str(FPS)]
    # Without bitexact the file carries the encoder's version; the format is named as the temporary name hides it.
    mp4 = ["-pix_fmt", "yuv420p", "-flags:v", "+bitexact", "-fflags", "+bitexact", "-movflags", "+faststart"]
    with whole_file(out) as temporary, tempfile.TemporaryFile() as log:
        command = [ffmpeg.path, "-v", "error", "-y", *raw, "-i", "pipe:0", *codec, *mp4, "-f", "mp4", str(temporary)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log) as process:
            assert process.stdin is not None
            # A broken pipe means that ffmpeg ended early; why, it says in its log.
            with contextlib.suppress(BrokenPipeError), process.stdin:
                for frame in frames:
                    process.stdin.write(frame.data)
            code = process.wait()
        if code:
            log.seek(0)
            words = log.read().decode(errors="replace").strip().splitlines() or [f"exit code {code}"]
            raise RmsetError(f"{out} cannot be encoded: {words[0]}", remedy="see what `rmset doctor` says")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT_OUT, help="The video to write.")
def command(out: Path) -> None:
    """Compose a short reaction mashup: six people around a film, a re-layout, and one who leaves and comes back."""
    encode(draw_frames(load_scene()), out, find_ffmpeg())
    click.echo(f"{FRAMES} frames, {FRAMES / FPS:.0f} s", err=True)
    click.echo(out)
