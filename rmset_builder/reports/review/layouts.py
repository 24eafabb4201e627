"""When the wall is laid out anew, by the tracks alone: most of them end at about the same time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.reports.review.tracks import Ints, Places, Tracks

# Share of the tracks on screen that end when the wall is laid out anew, and within how many frames.
_MOST = 0.5
_AT_ONCE = 12
# Shorter tracks are flickering faces, whose ends tell nothing; longer ones have begun before they can end at once.
_SOLID = _AT_ONCE + 1


@dataclass(frozen=True)
class Layouts:
    """The layouts of a video's wall, n of them.

    Attributes:
        begin: (n,) the frame at which each begins.
        end: (n,) its last frame.
        of_track: (tracks,) in which each track was seen: that of the middle of its time.
    """

    begin: Ints
    end: Ints
    of_track: Places


@dataclass(frozen=True)
class Stay:
    """Somebody's time on screen within one layout, moments of absence aside."""

    layout: int
    first: int
    last: int


def layouts_of(tracks: Tracks) -> Layouts:
    """The layouts of a video with at least one track."""
    end = np.union1d(_changes(tracks), tracks.last.max())
    begin = np.concatenate([[tracks.first.min()], end[:-1] + 1])
    middle = (tracks.first.astype(np.int64) + tracks.last) / 2
    return Layouts(begin, end, np.searchsorted(end, middle))


def stays_of(tracks: Tracks, own: Places, layouts: Layouts, longest_gap: int) -> list[Stay]:
    """The stays of somebody with some tracks, in order of time, apart by more than ``longest_gap`` frames."""
    found: list[Stay] = []
    order = own[np.lexsort((tracks.first[own], layouts.of_track[own]))]
    for layout, first, last in zip(
        layouts.of_track[order].tolist(), tracks.first[order].tolist(), tracks.last[order].tolist(), strict=True
    ):
        if found and found[-1].layout == layout and first - found[-1].last <= longest_gap:
            found[-1] = Stay(layout, found[-1].first, max(found[-1].last, last))
        else:
            found.append(Stay(layout, first, last))
    return found


def inside(first: Ints, last: Ints, of: Places, layouts: Layouts) -> npt.NDArray[np.bool_]:
    """Which times on screen (n,), each in a layout, begin inside it, and which end inside it: (2, n)."""
    return np.stack([first > layouts.begin[of] + _AT_ONCE, last < layouts.end[of] - _AT_ONCE])


def comings_and_goings(stays: list[Stay], layouts: Layouts) -> int:
    """How often somebody comes or goes while the wall stays as it is."""
    first, last, of = np.array([(stay.first, stay.last, stay.layout) for stay in stays], np.intp).reshape(-1, 3).T
    return int(inside(first, last, of, layouts).sum())


def _changes(tracks: Tracks) -> Ints:
    """The last frames of layouts, ascending."""
    solid = tracks.faces >= _SOLID
    first, last = np.sort(tracks.first[solid]), np.sort(tracks.last[solid])
    moments = np.unique(last)
    before = moments - _AT_ONCE
    ended_before = np.searchsorted(last, before, side="left")
    on_screen = np.searchsorted(first, before, side="right") - ended_before
    ended = np.searchsorted(last, moments, side="right") - ended_before
    is_change = ended > _MOST * on_screen
    changes = moments[is_change]
    following = np.diff(changes, append=np.iinfo(np.int32).max) > _AT_ONCE
    return np.asarray(changes[following])
