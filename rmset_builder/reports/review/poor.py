"""Tracks whose faces are of little use: tiny, blurred, or upside down."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from rmset_builder.core.geometry import Floats
from rmset_builder.reports.findings import BLURRED, TINY, UPSIDE_DOWN, Finding, Mending
from rmset_builder.reports.review.scale import LEAST, SURE, short_of, weighted_median
from rmset_builder.reports.review.tracks import Places, Tracks

# Side of a face in pixels, and sharpness as a share of what is usual in its video, on the border of being of use.
TINY_SIDE = 32.0
BLURRED_SHARE = 0.1

# Shorter tracks are not worth somebody's time, nor do they keep the others from being dropped.
_SOLID = 12

_Told = Callable[[Places], str]


def poor_tracks(tracks: Tracks, mending: Mending) -> Iterator[Finding]:
    """What identities have of poor tracks, one finding for each identity and kind.

    Sharpness is compared with what is usual in the video, as it depends on the size in which faces are kept, and by the
    area of their boxes: the fewer pixels a face has, the smoother it is made by being enlarged.
    """
    if not len(tracks):
        return
    area = np.maximum(tracks.size, 1) ** 2
    usual = max(weighted_median(tracks.sharpness / area, tracks.faces), 1e-9)

    def mean(values: Floats, places: Places) -> float:
        return float(np.average(values[places], weights=tracks.faces[places]))

    def told_tiny(places: Places) -> str:
        return f"are {mean(tracks.size, places):.0f} pixels large"

    def told_blurred(places: Places) -> str:
        sharpness, expected = mean(tracks.sharpness, places), mean(area * usual, places)
        return f"have a sharpness of {sharpness:.1f}, where {expected:.1f} is usual at their size,"

    def told_upside_down(places: Places) -> str:
        return f"have their eyes below the mouth in {mean(tracks.upside_down, places):.0%}"

    rules: list[tuple[str, Floats, _Told]] = [
        (TINY, short_of(tracks.size, TINY_SIDE), told_tiny),
        (BLURRED, short_of(tracks.sharpness / area / usual, BLURRED_SHARE), told_blurred),
        (UPSIDE_DOWN, tracks.upside_down, told_upside_down),
    ]
    for identity in np.unique(tracks.identity).tolist():
        own = tracks.of(identity)
        own = own[tracks.faces[own] >= _SOLID]
        for kind, scores, told in rules:
            poor = own[scores[own] >= LEAST]
            if not len(poor):
                continue
            numbers = tuple(tracks.number[poor].tolist())
            whole = len(poor) == len(own)
            which = "The faces" if whole else f"The faces in {len(poor)} of the {len(own)} longer tracks"
            yield Finding(
                video=mending.video,
                kind=kind,
                identities=(identity,),
                tracks=numbers,
                score=min(mean(scores, poor), SURE),
                why=f"{which} of identity {identity} {told(poor)} on average.",
                command=mending.drop(identity) if whole else mending.split(identity, numbers),
            )
