"""When a shot's scales are chosen: at its beginning, and now and then while it lasts."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Executor
from dataclasses import dataclass

from rmset_builder.detection.faces import Faces
from rmset_builder.detection.multiscale import ScaledDetector, Scales
from rmset_builder.video.frame_buffer import Window

# The scales are chosen anew this many frames after a cut, and then after twice as many, as long as they still fit.
FIRST_PROBE_AFTER, LAST_PROBE_AFTER = 64, 512


@dataclass(frozen=True)
class WindowScales:
    """The scales of a window's frames.

    Attributes:
        by_frame: of each frame, in order.
        seen: the faces of the frames that were probed, by their number.
    """

    by_frame: list[Scales]
    seen: dict[int, Faces]


class ScaleChooser:
    """Chooses the scales of a video's frames; call once for each window, in order.

    A shot's scales hold from its first frame on and never before it: the face that filled the picture until the cut
    is not seen at the scale that the wall after it needs.

    Args:
        detector: probes.
        pool: runs it.
        fixed: the scale to use whatever a frame shows; 0 for none.
    """

    def __init__(self, detector: ScaledDetector, pool: Executor, *, fixed: int) -> None:
        self._detector = detector
        self._pool = pool
        self._fixed = fixed
        self._scales: Scales = (fixed,) if fixed else (detector.base,)
        self._next_probe = 0
        self._probe_after = FIRST_PROBE_AFTER

    def choose(self, window: Window, looked_at: Collection[int]) -> WindowScales:
        """The scales of the window's frames, of which only those that are ``looked_at`` in any case are probed."""
        by_frame: list[Scales] = []
        seen: dict[int, Faces] = {}
        for number, picture in enumerate(window.frames, window.start):
            is_cut = number in window.cuts
            if not self._fixed and (is_cut or (number >= self._next_probe and number in looked_at)):
                scales, seen[number] = self._detector.probe(picture, self._pool)
                self._note(number, scales, still_fit=scales == self._scales and not is_cut)
            by_frame.append(self._scales)
        return WindowScales(by_frame, seen)

    def _note(self, number: int, scales: Scales, *, still_fit: bool) -> None:
        self._probe_after = min(self._probe_after * 2, LAST_PROBE_AFTER) if still_fit else FIRST_PROBE_AFTER
        self._scales, self._next_probe = scales, number + self._probe_after
