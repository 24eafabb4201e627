"""Frames read ahead by a thread of their own, in windows, into buffers that are used again and again."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from rmset_builder.video.appearance import Grey, thumbnail
from rmset_builder.video.decode import Frame, FrameReader
from rmset_builder.video.shots import ChangeFinder, Changes

# Windows under way at one time: read, begun, looked at, waiting for the next one's links, encoded.
WINDOWS_IN_FLIGHT = 5
_BUDGET_BYTES = 240_000_000


@dataclass(frozen=True)
class Window:
    """Some consecutive frames: the number of the first, the pictures, their thumbnails, and what is new in each."""

    start: int
    frames: list[Frame]
    greys: list[Grey]
    changes: list[Changes]

    @property
    def stop(self) -> int:
        """One past the last frame's number."""
        return self.start + len(self.frames)

    @functools.cached_property
    def cuts(self) -> frozenset[int]:
        """The frames with which a new shot of the whole picture begins."""
        return frozenset(number for number, change in enumerate(self.changes, self.start) if change.is_cut)


def window_length(shape: tuple[int, int, int], *, least: int, multiple_of: int, most: int = 16) -> int:
    """Frames a window, so that all windows in flight stay within 240 MB where ``least`` allows it.

    A window that is no multiple of the keyframes' stride would have a keyframe more than it needs, at its end.
    """
    fitting = _BUDGET_BYTES // (WINDOWS_IN_FLIGHT * int(np.prod(shape)))
    return max(-(-least // multiple_of), min(most, fitting) // multiple_of) * multiple_of


class WindowSource:
    """Iterates over a video's windows while a thread reads ahead; memory is bounded by the buffers.

    Every window must be given back with :meth:`release` when its pixels are no longer needed, or reading stops.
    Errors of the reader are raised by the iteration.
    """

    def __init__(self, reader: FrameReader, *, length: int) -> None:
        self._reader = reader
        self._length = length
        self._free: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        for _ in range(length * WINDOWS_IN_FLIGHT):
            self._free.put(np.empty(reader.shape, np.uint8))
        self._ready: queue.SimpleQueue[Window | BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, daemon=True, name="frames")
        self._stopping = False

    def release(self, window: Window) -> None:
        """Let the window's buffers be written over."""
        for frame in window.frames:
            self._free.put(frame)

    def __iter__(self) -> Iterator[Window]:
        while (item := self._ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._free.put(None)
        self._reader.close()
        self._thread.join()

    def _read(self) -> None:
        finder = ChangeFinder()
        start = 0
        try:
            while (window := self._read_window(start, finder)) is not None:
                self._ready.put(window)
                start = window.stop
        except BaseException as error:
            self._ready.put(error)
        self._ready.put(None)

    def _read_window(self, start: int, finder: ChangeFinder) -> Window | None:
        frames: list[Frame] = []
        greys: list[Grey] = []
        changes: list[Changes] = []
        while len(frames) < self._length:
            buffer = self._free.get()
            if buffer is None or self._stopping:
                return None
            if not self._reader.read_into(buffer):
                self._free.put(buffer)
                break
            grey = thumbnail(buffer)
            frames.append(buffer)
            greys.append(grey)
            changes.append(finder.advance(grey))
        return Window(start, frames, greys, changes) if frames else None
