"""Pictures to an MP4 file, through the ffmpeg that rmset_builder finds."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from rmfer.errors import RmferError
from rmset_builder.api import find_ffmpeg, listed
from rmset_builder.core.machine import usable_cores

Pixels = npt.NDArray[np.uint8]

_X264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20"]
_MPEG4 = ["-c:v", "mpeg4", "-q:v", "3"]
# The usual colour at half size wants even sides.
_EVEN = "pad=ceil(iw/2)*2:ceil(ih/2)*2"
_USUAL_FPS = 25.0


class VideoWriter:
    """Encodes pictures of one size as they come; a context manager, after which the file is finished. Without sound.

    Args:
        path: the file to write.
        fps: frames a second; 0 is taken for 25.
        name: what errors call it, where ``path`` is a temporary name.

    Raises:
        RmferError: ffmpeg fails; its own words are in the message.
    """

    def __init__(self, path: Path, *, fps: float, name: Path | None = None) -> None:
        self._path, self._fps, self._name = path, fps or _USUAL_FPS, name or path
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed when the writer is
        self._process: subprocess.Popen[bytes] | None = None

    def write(self, picture: Pixels) -> None:
        """Add a picture (h, w, 3) RGB."""
        if self._process is None:
            self._process = self._start(picture.shape[1], picture.shape[0])
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).data)
        except BrokenPipeError:
            self._process.wait()
            raise self._failed() from None

    def _start(self, width: int, height: int) -> subprocess.Popen[bytes]:
        ffmpeg, threads = find_ffmpeg(), str(usable_cores())
        codec = _X264 if "libx264" in listed(ffmpeg, "encoders") else _MPEG4
        raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}", "-framerate", f"{self._fps}"]
        mp4 = ["-vf", _EVEN, "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4"]
        command = [
            ffmpeg.path,
            "-v",
            "error",
            "-y",
            *raw,
            "-i",
            "pipe:0",
            *codec,
            "-threads",
            threads,
            "-filter_threads",
            threads,
            *mp4,
            f"file:{self._path.absolute()}",
        ]
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is ours to handle
        )

    def _failed(self) -> RmferError:
        self._log.seek(0)
        words = self._log.read().decode(errors="replace").strip().splitlines() or ["it gave no reason"]
        return RmferError(f"{self._name} cannot be encoded ({words[-1]})", remedy="see what `rmset doctor` says")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process is None:
                return
            assert self._process.stdin is not None
            if kind is not None:
                self._process.kill()
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            code = self._process.wait()
            if kind is None and code:
                raise self._failed()
        finally:
            self._log.close()
