"""Pictures with their times to an MP4 file, through ffmpeg, and the sound of another file beside them."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import av
import numpy as np

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.machine import usable_cores
from rmset_builder.drawing.labels import Pixels
from rmset_builder.drawing.sound import Sound
from rmset_builder.video.ffmpeg import find_ffmpeg
from rmset_builder.video.ffmpeg_listing import listed

# Divides 24, 25, 30, 50, 60, 100 and 120 Hz, the NTSC kin of most, and milliseconds; MPEG-4 takes no finer one.
TICKS_PER_SECOND = 60_000
_USUAL_FPS = 25.0

# Without pictures that lean on later ones, whose order would hide the length of the last where times are uneven.
_X264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-bf", "0"]
_MPEG4 = ["-c:v", "mpeg4", "-q:v", "3"]
# The usual colour at half size wants even sides.
_EVEN = "pad=ceil(iw/2)*2:ceil(ih/2)*2"
# What ffmpeg makes of red, green and blue by itself; players would take large pictures for another.
_COLOURS = ["-pix_fmt", "yuv420p", "-colorspace", "smpte170m", "-color_range", "tv"]


class VideoWriter:
    """Encodes pictures of one size as they come; a context manager, after which the file is finished.

    Pictures pass to ffmpeg in the container NUT, in which each has a time of its own.

    Args:
        path: the file to write.
        fps: frames a second, of which the last picture takes its length; 0 is taken for 25.
        name: what errors call it, where ``path`` is a temporary name.
        zero_s: the time, of pictures and sound, with which the file begins.
        sound: what is heard beside the pictures; None: nothing.

    Raises:
        RmsetError: ffmpeg fails; its own words are in the message.
    """

    def __init__(
        self, path: Path, *, fps: float, name: Path | None = None, zero_s: float = 0.0, sound: Sound | None = None
    ) -> None:
        self._path, self._fps, self._name = path, fps or _USUAL_FPS, name or path
        self._zero_s, self._sound = zero_s, sound
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed when the writer is
        self._process: subprocess.Popen[bytes] | None = None
        self._container: av.container.OutputContainer | None = None
        self._last: int | None = None

    def write(self, picture: Pixels, time_s: float) -> None:
        """Add a picture (h, w, 3) RGB that is shown from ``time_s`` on, seconds.

        Where that is not later than the one before, it is shown right after it.
        """
        if self._process is None:
            self._start(picture.shape[1], picture.shape[0])
        assert self._process is not None and self._container is not None
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        tick = round((time_s - self._zero_s) * TICKS_PER_SECOND)
        self._last = tick if self._last is None else max(tick, self._last + 1)
        frame.pts, frame.time_base = self._last, Fraction(1, TICKS_PER_SECOND)
        try:
            self._container.mux(self._container.streams.video[0].encode(frame))
        except BrokenPipeError:
            self._process.wait()
            raise self._failed() from None

    def _start(self, width: int, height: int) -> None:
        ffmpeg, threads = find_ffmpeg(), str(usable_cores())
        codec = _X264 if "libx264" in listed(ffmpeg, "encoders") else _MPEG4
        sound = self._sound
        times = ["-enc_time_base", f"1:{TICKS_PER_SECOND}", "-fps_mode", "passthrough"]
        times += ["-bsf:v", f"setts=pts=PTS:dts=DTS:duration={round(TICKS_PER_SECOND / self._fps)}"]
        times += ["-output_ts_offset", f"{-self._zero_s:.6f}"]
        mp4 = ["-video_track_timescale", str(TICKS_PER_SECOND), "-movflags", "+faststart", "-f", "mp4"]
        command = [
            ffmpeg.path,
            "-v",
            "error",
            "-y",
            "-copyts",
            *["-itsoffset", f"{self._zero_s:.6f}", "-f", "nut", "-i", "pipe:0"],  # NUT has no times below zero
            *(sound.input_options if sound else ()),
            *["-map", "0:v", "-vf", _EVEN, *codec, *_COLOURS, *times],
            *["-threads", threads, "-filter_threads", threads],
            *(sound.output_options if sound else ()),
            *["-map_metadata", "-1", "-map_chapters", "-1", *mp4],
            f"file:{self._path.absolute()}",
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is ours to handle
        )
        assert self._process.stdin is not None
        # By its number: through a Python file a picture takes four times as long.
        self._container = av.open(f"pipe:{self._process.stdin.fileno()}", "w", format="nut")
        stream = self._container.add_stream("rawvideo")
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_SECOND)

    def _failed(self) -> RmsetError:
        self._log.seek(0)
        words = self._log.read().decode(errors="replace").strip().splitlines() or ["it gave no reason"]
        return RmsetError(f"{self._name} cannot be encoded ({words[-1]})", remedy="see what `rmset doctor` says")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process is None:
                return
            assert self._process.stdin is not None and self._container is not None
            if kind is not None:
                self._process.kill()
            with contextlib.suppress(av.FFmpegError, OSError):  # why ffmpeg ended early, it says in its log
                self._container.close()
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            code = self._process.wait()
            if kind is None and code:
                raise self._failed()
        finally:
            self._log.close()
