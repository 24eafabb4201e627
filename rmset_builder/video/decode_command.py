"""The ffmpeg command line that decodes one video as it is."""

from __future__ import annotations

from collections.abc import Sequence

import ffmpeg

from rmset_builder.video.filtergraph import PictureFilter
from rmset_builder.video.info import FORMAT_WHITELIST, PROTOCOL_WHITELIST, VideoInfo
from rmset_builder.video.nvdec import NvDecoder

# One "flick": divides 24, 25, 30, 48, 50, 60, 90, 100 and 120 Hz, their NTSC kin, and milliseconds.
TICKS_PER_SECOND = 705_600_000

# Stands for the file while the command is built: ffmpeg-python takes no name that is not UTF-8.
_SOURCE = "source"


def decode_command(
    info: VideoInfo,
    url: str,
    program: str,
    *,
    times_descriptor: int,
    threads: int,
    nvdec: NvDecoder | None,
    filters: Sequence[PictureFilter],
) -> list[str]:
    """Decode the video as it is, pictures to stdout, times to the inherited descriptor.

    Args:
        info: the video.
        url: its file, as ffmpeg is to open it.
        program: ffmpeg's path.
        times_descriptor: of a pipe, whose reader gets a line for each frame with its time in ticks.
        threads: how many to decode with, and to filter with.
        nvdec: a GPU's decoder.
        filters: what makes the picture upright and its pixels square.
    """
    source = ffmpeg.input(
        _SOURCE,
        protocol_whitelist=PROTOCOL_WHITELIST,
        format_whitelist=FORMAT_WHITELIST,
        threads=threads,
        copyts=None,
        **(nvdec.ffmpeg_options if nvdec else {}),
    )
    picture = source[str(info.track)]
    for step in filters:
        picture = picture.filter(step.name, *step.values, **step.options)
    picture = (
        picture.filter("settb", f"1/{TICKS_PER_SECOND}")
        .filter("metadata", mode="add", key="rmset", value="1")
        .filter("metadata", mode="print", file=f"pipe:{times_descriptor}")
        .filter("setpts", "N")  # ffmpeg's own end would complain of times that run backwards
    )
    encoder, pixels = ("pgmyuv", "yuv420p") if info.plain_planes else ("ppm", "rgb24")
    output = ffmpeg.output(
        picture, "pipe:1", format="image2pipe", vcodec=encoder, pix_fmt=pixels, fps_mode="passthrough"
    )
    output = output.global_args("-v", "level+warning", "-nostdin", "-filter_threads", str(threads))
    command: list[str] = output.compile(cmd=program)
    return [url if word == _SOURCE else word for word in command]
