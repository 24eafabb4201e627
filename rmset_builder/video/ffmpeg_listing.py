"""What an ffmpeg program was built with: its decoders, encoders and filters."""

from __future__ import annotations

import functools
import re
import subprocess
from typing import Literal

from rmset_builder.core.errors import RmsetError
from rmset_builder.video.ffmpeg import Ffmpeg

Kind = Literal["decoders", "encoders", "filters"]

# ` VFS..D h264   H.264 / AVC`: six flags, the name, its description. The legend above has `=` for a name.
_CODER = re.compile(r"^ [VAS][A-Z.]{5} ([A-Za-z0-9_-]+)", re.MULTILINE)
# ` TS bwdif   V->V   Deinterlace`: two flags or, in older versions, three; the name, what goes in and comes out.
_FILTER = re.compile(r"^ [TSC.]{2,3} ([A-Za-z0-9_-]+) +[AVN|]+->[AVN|]+ ", re.MULTILINE)
_SECONDS = 30

DEINTERLACE, COLOUR_TABLE, PIXEL_FORMAT, SCALE = "bwdif", "lut3d", "format", "scale"
PICTURE_FILTERS = frozenset({DEINTERLACE, COLOUR_TABLE, PIXEL_FORMAT, SCALE})
"""Filters that only some videos need: interlaced ones, HDR, such with pixels that are not square."""


def listed(ffmpeg: Ffmpeg, kind: Kind) -> frozenset[str]:
    """The names that ``ffmpeg -decoders``, ``-encoders`` or ``-filters`` lists.

    Raises:
        RmsetError: the program does not answer.
    """
    try:
        listing = subprocess.run(
            [ffmpeg.path, "-hide_banner", f"-{kind}"], capture_output=True, text=True, timeout=_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise RmsetError(
            f"{ffmpeg.path} -{kind} does not answer ({error})",
            remedy="run: python -m pip install --force-reinstall imageio-ffmpeg",
        ) from error
    return parse_listing(listing)


@functools.cache
def filters_of(ffmpeg: Ffmpeg) -> frozenset[str]:
    """The names of an ffmpeg's filters; it is asked once.

    Raises:
        RmsetError: the program does not answer.
    """
    return listed(ffmpeg, "filters")


def parse_listing(listing: str) -> frozenset[str]:
    """The names in one of ffmpeg's listings.

    Example:
        >>> sorted(parse_listing(" V..... = Video\\n V....D gif     GIF\\n"))
        ['gif']
        >>> sorted(parse_listing(" TS bwdif             V->V       Deinterlace the input image.\\n"))
        ['bwdif']
    """
    return frozenset(_CODER.findall(listing)) | frozenset(_FILTER.findall(listing))
