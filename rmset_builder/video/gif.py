"""GIFs whose pictures ffmpeg would take for one."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import IO

GIF_SIGNATURES = (b"GIF87a", b"GIF89a")
GIF_HEADER_BYTES = 13
_IMAGE = b"\x2c"
# Not an empty one, which ffmpeg reads wrongly.
_COMMENT = b"\x21\xfe\x01 \x00"


def mended_gif(path: Path) -> IO[bytes] | None:
    """A copy of a GIF that ffmpeg splits into all of its pictures; None where the file itself will do.

    ffmpeg takes a picture for a new one only after the file's first extension block. A GIF whose pictures state no
    duration need not have one (GIF87a knows none), and would be one picture. The copy begins with a comment.
    """
    try:
        source = path.open("rb")
    except OSError:
        return None  # whoever opens the file itself will say why
    with source:
        header = source.read(GIF_HEADER_BYTES)
        if len(header) < GIF_HEADER_BYTES or not header.startswith(GIF_SIGNATURES):
            return None
        header += source.read(palette_bytes(header[10]))
        if source.read(1) != _IMAGE:
            return None
        copy = tempfile.TemporaryFile()  # noqa: SIM115  it is the caller's
        copy.write(header + _COMMENT + _IMAGE)
        shutil.copyfileobj(source, copy)
    copy.seek(0)
    return copy


def palette_bytes(flags: int) -> int:
    """The size of the palette that a GIF's header, or a picture's, says to follow it."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
