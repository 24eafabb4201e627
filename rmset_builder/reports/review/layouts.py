"""When the wall is laid out anew, by the tracks alone: most of them end at about the same time."""

from __future__ import annotations

import numpy as np

from rmset_builder.reports.review.tracks import Ints, Places, Tracks

# Share of the tracks on screen that end when the wall is laid out anew, and within how many frames.
_MOST = 0.5
_AT_ONCE = 12
# Shorter tracks are flickering faces, whose ends tell nothing.
_SOLID = 12


def layout_changes(tracks: Tracks) -> Ints:
    """The last frame of each layout of a video, ascending."""
    solid = tracks.faces >= _SOLID
    first, last = np.sort(tracks.first[solid]), np.sort(tracks.last[solid])
    moments = np.unique(last)
    begun = np.searchsorted(first, moments - _AT_ONCE, side="right")
    ended_before = np.searchsorted(last, moments - _AT_ONCE, side="left")
    ended = np.searchsorted(last, moments, side="right")
    # Who began after the window's beginning and is over already is no longer than the window: not solid.
    is_change = ended - ended_before > _MOST * (begun - ended_before)
    changes = moments[is_change]
    following = np.diff(changes, append=np.iinfo(np.int32).max) > _AT_ONCE
    return np.asarray(changes[following])


def layout_of(tracks: Tracks, changes: Ints) -> Places:
    """In which layout each track was seen, (n,): that of the middle of its time."""
    return np.searchsorted(changes, (tracks.first.astype(np.int64) + tracks.last) / 2)
