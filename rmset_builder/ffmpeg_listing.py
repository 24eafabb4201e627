"""What an ffmpeg program was built with: its decoders and encoders."""

from __future__ import annotations

import re
import subprocess
from typing import Literal

from rmset_builder.errors import RmsetError
from rmset_builder.ffmpeg_program import Ffmpeg

Kind = Literal["decoders", "encoders"]

# ` VFS..D h264   H.264 / AVC`: six flags, the name, its description. The legend above has `=` for a name.
_CODER = re.compile(r"^ [VAS][A-Z.]{5} ([A-Za-z0-9_-]+)", re.MULTILINE)
_SECONDS = 30


def listed(ffmpeg: Ffmpeg, kind: Kind) -> frozenset[str]:
    """The names that ``ffmpeg -decoders`` or ``-encoders`` lists.

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


def parse_listing(listing: str) -> frozenset[str]:
    """The names in one of ffmpeg's listings.

    Example:
        >>> sorted(parse_listing(" V..... = Video\\n V....D gif     GIF\\n"))
        ['gif']
    """
    return frozenset(_CODER.findall(listing))
