"""Keyframes in, rows out: detections linked into tracks, gaps filled, doubles left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.pipeline.stages.detect import Detected
from rmset_builder.tracking.matching import LinkRules
from rmset_builder.tracking.tracker import TrackLinker, TrackRows, drop_filled_doubles
from rmset_builder.video.frame_buffer import Window


@dataclass(frozen=True)
class Linked:
    """A window and the rows of its frames, by frame and track."""

    window: Window
    rows: TrackRows


class LinkStage:
    """Links the keyframes of one video's windows; call `run` once."""

    def __init__(self, links: LinkRules) -> None:
        self._linker = TrackLinker(links)
        self._cuts: list[int] = []

    def run(self, detected: Iterable[Detected]) -> Iterator[Linked]:
        """Each window with its rows, once the window after it is linked: no gap is longer than a window."""
        waiting: Window | None = None
        pending = TrackRows.joined([])
        for one in detected:
            self._cuts += sorted(one.window.cuts)
            parts = [self._linker.advance(k, cut=k.frame in one.window.cuts) for k in one.keyframes]
            pending = TrackRows.joined([pending, *parts])
            if waiting is not None:
                rows, pending = _split(pending, waiting.stop)
                yield Linked(waiting, rows)
            waiting = one.window
        if waiting is not None:
            yield Linked(waiting, _split(pending, waiting.stop)[0])

    @property
    def cuts(self) -> npt.NDArray[np.int32]:
        """Ascending numbers of the frames with which a new shot of the whole picture begins."""
        return np.array(self._cuts, np.int32)

    @property
    def doubts(self) -> npt.NDArray[np.int32]:
        """(k, 2): track and frame where a track's picture has changed slowly, perhaps into another face."""
        return np.array(self._linker.doubts, np.int32).reshape(-1, 2)

    @property
    def transitions(self) -> npt.NDArray[np.int32]:
        """Ascending numbers of frames by which the picture had changed so in most places."""
        return np.array(self._linker.transitions, np.int32)


def _split(pending: TrackRows, stop: int) -> tuple[TrackRows, TrackRows]:
    """The rows of the frames before ``stop``, without doubles and in order; and all others."""
    mine = pending.frame < stop
    rows = drop_filled_doubles(pending.select(mine))
    return rows.select(np.lexsort((rows.track, rows.frame))), pending.select(~mine)
