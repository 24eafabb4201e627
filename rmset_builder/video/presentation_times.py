"""What the times of a video's frames mean: its rate, its length, and the order that they should have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]

# Intervals that a container's rounding or the pattern of a telecine makes of one rate lie within this factor of the
# median; one frame left out does not.
_SAME_RATE = 1.75
_USUAL_RATE = 25.0
# Frames change places with at most so many others; a step back of two periods is never a new beginning.
_LONGEST_REORDER = 16
_LATE_PERIODS = 2.5
_LONG_GAP_S = 60.0


@dataclass(frozen=True)
class Timeline:
    """When a video's frames are shown.

    Attributes:
        times: (n,) seconds, never running backwards.
        fps: frames a second.
        note: for people, where the file's own times were not in order; else empty.
    """

    times: Times
    fps: float
    note: str

    @classmethod
    def of(cls, stated: Times, stated_fps: float) -> Self:
        """The timeline of a file that states these times (n,) in seconds, and this rate, 0 where it has none."""
        fps = frame_rate(stated, stated_fps)
        times, note = in_order(stated, fps)
        return cls(times, fps, note)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame's time to one frame period after the last one's."""
        return duration_s(self.times, self.fps)


def frame_rate(times: Times, stated: float) -> float:
    """Frames a second: what the usual interval between two frames is, whatever gaps, repeats and jumps there are.

    The mean of all intervals near their median, as containers round times (a third of 0.1 s is 33 or 34 ms).

    Args:
        times: (n,) seconds.
        stated: the container's own word, used where the times tell nothing; 0 where it has none.
    """
    intervals = np.diff(times)
    intervals = intervals[intervals > 0]
    if not len(intervals):
        return stated or _USUAL_RATE
    median = np.sort(intervals)[(len(intervals) - 1) // 2]  # one that there is, where two are in the middle
    near = intervals[(intervals > median / _SAME_RATE) & (intervals < median * _SAME_RATE)]
    return float(len(near) / near.sum())


def duration_s(times: Times, fps: float) -> float:
    """Length of a video in seconds: from its first frame's time to one frame period after its last one's."""
    return float(times[-1] - times[0]) + 1 / fps


def in_order(times: Times, fps: float) -> tuple[Times, str]:
    """Times that never run backwards, and a note for people where the file's own did or leap, else an empty one.

    Where the times begin anew (recordings put one after the other), they are counted on from the frame before. Where
    frames only changed places, as a decoder may reorder them, those that come too late have the latest time so far.
    Leaps ahead are kept: they may be true.

    Args:
        times: (n,) seconds, as the container states them.
        fps: frames a second.

    Returns:
        The times, and the note.
    """
    steps = np.diff(times)
    if not len(steps):
        return times, ""
    notes = []
    ordered, anew, late = (times, [], []) if (steps >= 0).all() else _put_in_order(times, 1 / fps)
    if anew:
        first = anew[0]
        notes.append(
            f"its times begin anew at frame {first:,} ({times[first]:,.2f} s after {times[first - 1]:,.2f} s)"
            + (f" and {len(anew) - 1:,} more time(s)" if len(anew) > 1 else "")
            + "; they are counted on from the frame before"
        )
    if late:
        notes.append(
            f"{len(late):,} frame(s), the first of them number {late[0]:,}, state earlier times than the frame before; "
            "they are given the latest time so far"
        )
    longest = int(steps.argmax())
    if steps[longest] > _LONG_GAP_S:
        notes.append(
            f"its times leap ahead by up to {steps[longest]:,.1f} s (after frame {longest:,}), and are kept so"
        )
    return ordered, "; ".join(notes)


def _put_in_order(times: Times, period: float) -> tuple[Times, list[int], list[int]]:
    """The times in order, the frames at which they began anew, and those that came too late."""
    ordered, shift = times.copy(), 0.0
    anew, late = [], []
    for frame in range(1, len(times)):
        latest = ordered[frame - 1]
        ordered[frame] += shift
        if ordered[frame] < latest:
            soon_later = (times[frame : frame + _LONGEST_REORDER] + shift > latest).any()
            if soon_later or latest - ordered[frame] < _LATE_PERIODS * period:
                late.append(frame)
                ordered[frame] = latest
            else:
                anew.append(frame)
                shift += latest + period - ordered[frame]
                ordered[frame] = latest + period
    return ordered, anew, late
