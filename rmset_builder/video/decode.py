"""Every frame of a video with its exact presentation time, decoded by an ffmpeg process of its own.

Frames come as portable pixmaps through one pipe, so that each says its own size: the decoder's own planes where they
are of the usual kind, else what ffmpeg converts them to. Presentation times come through a second pipe, as integers in
a unit that divides every usual time base.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from collections import deque
from types import TracebackType
from typing import IO, Self

import cv2
import numpy as np
import numpy.typing as npt

from rmset_builder.core.errors import VideoError
from rmset_builder.core.machine import usable_cores
from rmset_builder.video.colour import pgmyuv_to_bgra
from rmset_builder.video.completeness import read_packets, why_cut, why_undecoded
from rmset_builder.video.decode_command import TICKS_PER_SECOND, decode_command
from rmset_builder.video.ffmpeg import Ffmpeg, find_ffmpeg
from rmset_builder.video.filtergraph import LONGEST_SIDE, open_filters
from rmset_builder.video.gif import mended_gif
from rmset_builder.video.info import VideoInfo, file_url
from rmset_builder.video.nvdec import NvDecoder
from rmset_builder.video.pipes import fill, widen_pipe
from rmset_builder.video.stalls import HANGS, PATIENCE_S, StallWatch, end_group

Frame = npt.NDArray[np.uint8]

CHANNELS = 4

_STDIN = "file:/dev/stdin"  # a file, not a pipe: ffmpeg may go back in it
_KEPT_MESSAGES = 20
_LONGEST_MESSAGE = 4096
_LONGEST_HEADER = 64
_TIME = re.compile(r"^frame:\d+\s+pts:(-?\d+|NOPTS)")
_CUT_SHORT = re.compile(
    r"partial file|lzw decode failed|ended prematurely|truncat|unexpected end|end of file", re.IGNORECASE
)
# What ffmpeg only warns of: the file ended within a packet.
_CUT_PACKET = re.compile(r"corrupt input packet", re.IGNORECASE)
_PREFIX = re.compile(r"^(\[[^\]]*\]\s*)+")


class FrameReader:
    """Decodes one video, frame by frame, into buffers of the caller.

    Frames are BGRA, upright (rotation metadata applied), of square pixels and all of the first frame's size. The fourth
    channel is 255 throughout: OpenCV warps four channels in less than half the time that it needs for three. Use as a
    context manager; leaving it ends ffmpeg at once, whatever it was doing. One that gives nothing for ``patience_s``
    seconds is ended, too.

    Example:
        >>> with FrameReader(VideoInfo.from_path(Path("wall9.mp4"))) as reader:  # doctest: +SKIP
        ...     buffer = np.empty(reader.shape, np.uint8)
        ...     while reader.read_into(buffer):
        ...         ...
        ...     times = reader.times_s()
    """

    def __init__(
        self,
        info: VideoInfo,
        *,
        threads: int = 0,
        nvdec: NvDecoder | None = None,
        program: Ffmpeg | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.info = info
        self._patience_s = patience_s
        self.count = 0
        self._errors: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        self.error_count = 0
        self._told_of_a_cut = False
        self._ticks: list[int | None] = []
        self._received: Frame | None = None
        self._unscaled: Frame | None = None
        mended = mended_gif(info.path)
        url = _STDIN if mended else file_url(info.path)
        ffmpeg_program = program or find_ffmpeg()
        self._files = contextlib.ExitStack()
        filters = self._files.enter_context(open_filters(info, ffmpeg_program))
        times_read, times_write = os.pipe()
        try:
            self._process = subprocess.Popen(
                decode_command(
                    info,
                    url,
                    ffmpeg_program.path,
                    times_descriptor=times_write,
                    threads=threads or usable_cores(),
                    nvdec=nvdec,
                    filters=filters,
                ),
                stdin=mended or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[times_write],
                start_new_session=True,  # Ctrl-C is ours to handle
            )
        except BaseException:
            os.close(times_read)
            self._files.close()
            raise
        finally:
            os.close(times_write)
            if mended:
                mended.close()
        assert self._process.stdout is not None and self._process.stderr is not None
        self._frames: IO[bytes] = self._process.stdout
        widen_pipe(self._frames.fileno())
        self._threads = [
            threading.Thread(target=self._collect_times, args=[times_read], daemon=True),
            threading.Thread(target=self._collect_errors, args=[self._process.stderr], daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._watch = StallWatch(self._process, patience_s)
        try:
            self._next_size = self._read_header()
            if self._next_size is None:
                self._finish()
                raise self._no_frames()
        except BaseException:
            self.close()
            raise
        self.width, self.height = self._next_size

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels: the shape of the buffer that :meth:`read_into` fills."""
        return self.height, self.width, CHANNELS

    def read_into(self, buffer: Frame) -> bool:
        """Put the next frame into ``buffer`` (height, width, 4) uint8 BGRA; False after the last one.

        Raises:
            VideoError: ffmpeg failed, or the file ends before its own header says.
        """
        if self._next_size is None:
            return False
        if self._next_size == (self.width, self.height):
            complete = self._receive(buffer)
        else:
            # The picture's size changes within the video: boxes are kept in the first frame's pixels.
            width, height = self._next_size
            self._unscaled = _buffer(self._unscaled, (height, width, CHANNELS))
            complete = self._receive(self._unscaled)
            cv2.resize(self._unscaled, (self.width, self.height), dst=buffer, interpolation=cv2.INTER_AREA)
        if not complete:
            self._next_size = None
            self._finish()
            return False
        self.count += 1
        self._next_size = self._read_header()
        if self._next_size is None:
            self._finish()
        return True

    def _receive(self, picture: Frame) -> bool:
        """Read and convert one picture of the size of ``picture``; False where the stream ends before."""
        height, width = picture.shape[:2]
        planes = self.info.plain_planes
        self._received = _buffer(self._received, (height * 3 // 2, width) if planes else (height, width, 3))
        with self._watch.waiting():
            complete = fill(self._frames, self._received)
        if not complete:
            return False
        if planes:
            pgmyuv_to_bgra(self._received, planes, picture)
        else:
            cv2.cvtColor(self._received, cv2.COLOR_RGB2BGRA, dst=picture)
        return True

    def times_s(self) -> npt.NDArray[np.float64]:
        """Presentation times of the frames read, (count,) float64 seconds as the container states them.

        Only after the last frame. Where a frame has no time of its own (raw streams), it follows the one before it
        by one frame period.
        """
        period = 1 / self.info.fps if self.info.fps else 0.04
        times = np.empty(self.count, np.float64)
        for index in range(self.count):
            ticks = self._ticks[index] if index < len(self._ticks) else None
            if ticks is not None:
                times[index] = ticks / TICKS_PER_SECOND
            else:
                times[index] = times[index - 1] + period if index else 0.0
        return times

    def close(self) -> None:
        """End ffmpeg and free its pipes; harmless when called twice."""
        end_group(self._process)
        self._process.wait()
        self._watch.close()
        for thread in self._threads:
            thread.join()
        self._frames.close()
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_header(self) -> tuple[int, int] | None:
        """Width and height of the next picture, None at the end of the stream."""
        with self._watch.waiting():
            magic, size, depth = (self._frames.readline(_LONGEST_HEADER) for _ in range(3))
        if not magic:
            return None
        if magic != (b"P5\n" if self.info.plain_planes else b"P6\n") or depth != b"255\n" or len(size.split()) != 2:
            if not depth:
                return None  # ffmpeg died within a header; _finish tells why
            raise VideoError("decoder-failed", f"{self.info.path}: ffmpeg's output is not a series of pictures")
        width, height = map(int, size.split())
        if self.info.plain_planes:
            height = height * 2 // 3
        if max(width, height) > LONGEST_SIDE:
            raise VideoError(
                "too-large", f"{self.info.path}: frames of {width} x {height} pixels", remedy="scale it down"
            )
        return width, height

    def _no_frames(self) -> VideoError:
        path = self.info.path
        if self._told_of_a_cut:
            return VideoError(
                "cut-short", f"{path} is cut short: not one frame of it can be decoded", remedy="fetch it again"
            )
        return VideoError(
            "no-frames",
            f"{path} has a picture track, but not one frame of it can be decoded ({self._last_error()})",
            remedy="fetch it again, or see `rmset doctor` for missing decoders",
        )

    def _finish(self) -> None:
        """Wait for ffmpeg's own end and judge it."""
        with self._watch.waiting():
            code = self._process.wait()
            for thread in self._threads:
                thread.join()
        path = self.info.path
        if self._watch.stalled:
            raise VideoError(
                HANGS,
                f"{path}: ffmpeg gave nothing for {self._patience_s:g} s after {self.count:,} frames and was ended",
                remedy="see whether its disk answers, then run the same command again",
            )
        if self.count == 0:
            return
        if code != 0:
            raise VideoError(
                "decoder-failed",
                f"{path}: ffmpeg ended with {code} after {self.count} frames ({self._last_error()})",
                remedy="fetch it again",
            )
        if why := self._why_cut():
            raise VideoError("cut-short", f"{path} is cut short: {why}", remedy="fetch it again")

    def _why_cut(self) -> str:
        """What is missing, in a few words; the file is read once more only where its header promises no frames."""
        about = f" of about {self.info.expected_frames:,}" if self.info.expected_frames else ""
        found = f"{self.count:,} frames{about} can be decoded"
        if self._told_of_a_cut and "mpeg" not in self.info.container:  # those streams begin and end anywhere
            return found
        if self.info.frames and self.count >= self.info.frames:
            return ""
        packets, times = read_packets(self.info), self.times_s()
        why = why_cut(self.info, packets) or why_undecoded(self.info, packets, times.min(), times.max())
        return f"{why}, {found}" if why else ""

    def complaints(self) -> str:
        """What ffmpeg complained of, in a line; empty where it did not."""
        if not self.error_count:
            return ""
        return f"ffmpeg wrote {self.error_count} error line(s), the last: {self._last_error()}"

    def _last_error(self) -> str:
        return _PREFIX.sub("", self._errors[-1]) if self._errors else "it gave no reason"

    def _collect_times(self, descriptor: int) -> None:
        with os.fdopen(descriptor) as lines:
            for line in lines:
                if match := _TIME.match(line):
                    self._ticks.append(None if match[1] == "NOPTS" else int(match[1]))

    def _collect_errors(self, stream: IO[bytes]) -> None:
        with stream:
            # A flood need not have line breaks.
            while line := stream.readline(_LONGEST_MESSAGE):
                text = line.decode("utf-8", "replace").strip()
                warning = "[warning]" in text
                self._told_of_a_cut |= (_CUT_PACKET if warning else _CUT_SHORT).search(text) is not None
                if text and not warning:
                    self.error_count += 1
                    self._errors.append(text)


def _buffer(present: Frame | None, shape: tuple[int, ...]) -> Frame:
    """The buffer at hand if it is of the right shape, else a new one."""
    return present if present is not None and present.shape == shape else np.empty(shape, np.uint8)
