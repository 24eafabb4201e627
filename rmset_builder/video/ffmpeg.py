"""Which ffmpeg to run: the one in ``RMSET_FFMPEG``, the system's, or the one that comes with imageio-ffmpeg."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from rmset_builder.core.errors import RmsetError

# -fps_mode, which replaces -vsync, came with 5.1.
OLDEST = (5, 1)
MEND_WITH_BUNDLED = 'export RMSET_FFMPEG="$(python -c "import imageio_ffmpeg as i; print(i.get_ffmpeg_exe())")"'
"""The command that makes the ffmpeg of the package imageio-ffmpeg the one in use."""

# A build from git carries a date or a hash in place of a version; those are newer than any system's.
_GIT_BUILD = (999, 0)


@dataclass(frozen=True)
class Ffmpeg:
    """An ffmpeg program that is new enough. ``version`` is its own word for itself."""

    path: str
    version: str


@functools.cache
def find_ffmpeg() -> Ffmpeg:
    """The ffmpeg to use; an older system's ffmpeg is passed over in favour of the bundled one.

    Raises:
        RmsetError: there is none, or ``RMSET_FFMPEG`` names one that does not run or is too old.
    """
    if chosen := os.environ.get("RMSET_FFMPEG"):
        found = _probe(chosen)
        if found is None:
            raise RmsetError(
                f"RMSET_FFMPEG={chosen} does not run or is older than {OLDEST[0]}.{OLDEST[1]}",
                remedy="unset RMSET_FFMPEG to use the system's or the bundled ffmpeg",
            )
        return found
    system = shutil.which("ffmpeg")
    if system and (found := _probe(system)):
        return found
    try:
        import imageio_ffmpeg  # noqa: PLC0415  its absence is a fault that doctor reports, not a crash

        bundled = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise _missing() from error
    if found := _probe(bundled):
        return found
    raise _missing()


def _missing() -> RmsetError:
    return RmsetError(
        f"no ffmpeg of version {OLDEST[0]}.{OLDEST[1]} or newer",
        remedy="run: python -m pip install --force-reinstall imageio-ffmpeg",
    )


def parse_version(banner: str) -> tuple[int, int] | None:
    """Major and minor version from the first line of ``ffmpeg -version``; None where it is not ffmpeg's."""
    match = re.match(r"ffmpeg version (\S+)", banner)
    if not match:
        return None
    numbers = re.match(r"n?(\d{1,3})\.(\d+)", match[1])
    return (int(numbers[1]), int(numbers[2])) if numbers else _GIT_BUILD


def _probe(path: str) -> Ffmpeg | None:
    try:
        banner = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = parse_version(banner)
    if version is None or version < OLDEST:
        return None
    return Ffmpeg(path, banner.split()[2])
