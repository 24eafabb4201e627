"""Tracks whose faces are of little use: tiny, blurred, or upside down."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from rmset_builder.core.geometry import Floats
from rmset_builder.reports.findings import BLURRED, TINY, UPSIDE_DOWN, Finding, Mending
from rmset_builder.reports.review.scale import LEAST, SURE, short_of, weighted_median
from rmset_builder.reports.review.tracks import Places, Tracks

# Side of a face in pixels, and sharpness as a share of what is usual in its video, on the border of being of use.
# How sharp an aligned face is depends on the size in which it is kept, so no number of its own would do.
TINY_SIDE = 32.0
BLURRED_SHARE = 0.1

# Shorter tracks are not worth somebody's time.
_SOLID = 12

_Told = Callable[[Places], str]


def poor_tracks(tracks: Tracks, mending: Mending) -> Iterator[Finding]:
    """What identities have of poor tracks, one finding for each identity and kind.

    What has few pixels is never sharp: faces are called blurred only from twice the size on at which they are tiny.
    """
    if not len(tracks):
        return
    usual = max(weighted_median(tracks.sharpness, tracks.faces), 1e-9)
    tiny = short_of(tracks.size, TINY_SIDE)
    blurred = np.where(tiny > 0, 0, short_of(tracks.sharpness / usual, BLURRED_SHARE))

    def mean(values: Floats, places: Places) -> float:
        return float(np.average(values[places], weights=tracks.faces[places]))

    def told_tiny(places: Places) -> str:
        return f"are {mean(tracks.size, places):.0f} pixels large"

    def told_blurred(places: Places) -> str:
        return f"have a sharpness of {mean(tracks.sharpness, places):.1f}, where {usual:.1f} is usual"

    def told_upside_down(places: Places) -> str:
        return f"have their eyes below the mouth in {mean(tracks.upside_down, places):.0%}"

    rules: list[tuple[str, Floats, _Told]] = [
        (TINY, tiny, told_tiny),
        (BLURRED, blurred, told_blurred),
        (UPSIDE_DOWN, tracks.upside_down, told_upside_down),
    ]
    for identity in np.unique(tracks.identity).tolist():
        own = tracks.of(identity)
        for kind, scores, told in rules:
            poor = own[(scores[own] >= LEAST) & (tracks.faces[own] >= _SOLID)]
            if not len(poor):
                continue
            numbers = tuple(tracks.number[poor].tolist())
            whole = len(poor) == len(own)
            which = "The faces" if whole else f"The faces in {len(poor)} of the {len(own)} tracks"
            yield Finding(
                video=mending.video,
                kind=kind,
                identities=(identity,),
                tracks=numbers,
                score=min(mean(scores, poor), SURE),
                why=f"{which} of identity {identity} {told(poor)} on average.",
                command=mending.drop(identity) if whole else mending.split(identity, numbers),
            )
