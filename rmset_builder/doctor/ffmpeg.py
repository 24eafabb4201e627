"""Does ffmpeg run, and does it really decode what videos come in?"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace

from rmset_builder.core.errors import RmsetError
from rmset_builder.doctor.finding import Finding, Mark, failure
from rmset_builder.video.ffmpeg import MEND_WITH_BUNDLED, Ffmpeg, find_ffmpeg
from rmset_builder.video.ffmpeg_listing import PICTURE_FILTERS, filters_of, listed
from rmset_builder.video.nvdec import NvDecoder, find_nvdec

_MEND = "python -m pip install --force-reinstall imageio-ffmpeg"
_SECONDS = 60
_SIDE, _FRAMES, _BGR = 64, 3, (40, 120, 200)
# Every codec here is lossy or, as gif, has a palette.
_NEAR = 16.0


@dataclass(frozen=True)
class Codec:
    """A codec, ffmpeg's decoders of it that need no special hardware, its encoders, and a container for a clip."""

    name: str
    decoders: frozenset[str]
    encoders: tuple[str, ...]
    container: str = "matroska"
    pixels: str = "yuv420p"


# ffmpeg's own decoder `av1` is not among AV1's: it only drives hardware.
CODECS = (
    Codec("h264", frozenset({"h264", "libopenh264"}), ("libx264", "libopenh264")),
    Codec("hevc", frozenset({"hevc"}), ("libx265", "libkvazaar")),
    Codec("vp9", frozenset({"vp9", "libvpx-vp9"}), ("libvpx-vp9",)),
    Codec("av1", frozenset({"libdav1d", "libaom-av1", "libgav1"}), ("libsvtav1", "libaom-av1", "librav1e")),
    Codec("mpeg4", frozenset({"mpeg4"}), ("mpeg4",)),
    Codec("gif", frozenset({"gif"}), ("gif",), "gif", "rgb8"),
)
INDISPENSABLE = "h264"


def check_ffmpeg() -> Finding:
    """An ffmpeg that is new enough runs."""
    name = "ffmpeg"
    try:
        ffmpeg = find_ffmpeg()
    except RmsetError as error:
        found = failure(name, error)
        return replace(found, mend="unset RMSET_FFMPEG") if os.environ.get("RMSET_FFMPEG") else found
    return Finding(name, Mark.OK, f"{ffmpeg.version} ({ffmpeg.path})")


def check_decoders() -> Finding:
    """Every codec has a decoder, and a clip that was made with it decodes to the picture that went in."""
    name, ffmpeg = "decoders", find_ffmpeg()
    decoders, encoders = listed(ffmpeg, "decoders"), listed(ffmpeg, "encoders")
    missing = [codec.name for codec in CODECS if not codec.decoders & decoders]
    wrong: list[str] = []
    tried: list[str] = []
    for codec in CODECS:
        clip = _make_clip(ffmpeg, codec, encoders)
        if codec.name not in missing and clip is not None:
            (tried if _decodes(ffmpeg, clip) else wrong).append(codec.name)
    untried = [codec.name for codec in CODECS if codec.name not in {*missing, *wrong, *tried}]
    parts = [
        ("", tried, "decoded a clip each"),
        ("", untried, "listed, not tried for want of an encoder"),
        ("no decoder for ", missing, ""),
        ("clips decode wrongly: ", wrong, ""),
    ]
    found = "; ".join(f"{before}{', '.join(names)} {after}".strip() for before, names, after in parts if names)
    if not missing and not wrong:
        return Finding(name, Mark.OK, found)
    fatal = INDISPENSABLE in missing or INDISPENSABLE in wrong
    return Finding(name, Mark.FAIL if fatal else Mark.WARN, found, _mend(ffmpeg))


def check_filters() -> Finding:
    """The filters are there that HDR, interlaced and anamorphic videos need."""
    name, ffmpeg = "filters", find_ffmpeg()
    missing = sorted(PICTURE_FILTERS - filters_of(ffmpeg))
    if not missing:
        return Finding(
            name, Mark.OK, f"{', '.join(sorted(PICTURE_FILTERS))}: for HDR, interlaced and anamorphic videos"
        )
    found = f"no {', '.join(missing)}: HDR, interlaced and anamorphic videos are refused"
    return Finding(name, Mark.WARN, found, _mend(ffmpeg))


def check_nvdec(gpu: int | None) -> Finding:
    """Whether ffmpeg can decode on an NVIDIA GPU, the first where none is asked for; nothing is wrong without it."""
    found = find_nvdec(gpu or 0)
    if isinstance(found, NvDecoder):
        return Finding("nvdec", Mark.OK, f"ffmpeg can use the decoder of GPU {found.gpu}")
    return Finding("nvdec", Mark.OK, f"ffmpeg cannot use a GPU's decoder ({found}): it decodes on the CPU")


def _mend(ffmpeg: Ffmpeg) -> str:
    """The bundled ffmpeg has all the codecs: use it, or install it anew where it is the one at fault."""
    return _MEND if "imageio_ffmpeg" in ffmpeg.path else MEND_WITH_BUNDLED


def _make_clip(ffmpeg: Ffmpeg, codec: Codec, encoders: frozenset[str]) -> bytes | None:
    """A few frames of one colour in a codec, by the first of its encoders that works; None where none does."""
    raw = bytes(_BGR) * (_SIDE * _SIDE * _FRAMES)
    source = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", f"{_SIDE}x{_SIDE}", "-framerate", "5"]
    for encoder in codec.encoders:
        if encoder in encoders:
            target = ["-c:v", encoder, "-pix_fmt", codec.pixels, "-f", codec.container, "pipe:1"]
            clip = _piped([ffmpeg.path, "-v", "error", *source, "-i", "pipe:0", *target], raw)
            if clip:
                return clip
    return None


def _decodes(ffmpeg: Ffmpeg, clip: bytes) -> bool:
    """Whether a clip gives all its frames, in the colour that went in."""
    target = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "bgr24", "pipe:1"]
    pixels = _piped([ffmpeg.path, "-v", "error", "-i", "pipe:0", *target], clip)
    count = _SIDE * _SIDE * _FRAMES
    if pixels is None or len(pixels) != 3 * count:
        return False
    return all(abs(sum(pixels[channel::3]) / count - value) < _NEAR for channel, value in enumerate(_BGR))


def _piped(command: list[str], data: bytes) -> bytes | None:
    try:
        return subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
