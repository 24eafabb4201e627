"""What a finding is shown by: whom it is about side by side, and what of somebody beside the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.reports.exemplars import spread
from rmset_builder.reports.findings import Finding
from rmset_builder.reports.measures import FaceColumns
from rmset_builder.site.summary import Doubt, Shown, Tile

SIDE_FACES = 6
_MOST_SIDES = 8


@dataclass(frozen=True)
class Side:
    """Some faces that a finding is about: in words, whose they are if one person's, and rows that show them."""

    label: str
    identity: int | None
    rows: tuple[int, ...]


def sides_of(finding: Finding, faces: FaceColumns) -> list[Side]:
    """The identities of a finding, or where it is about some of their tracks, these and beside them the others.

    Example:
        A finding on tracks 4 and 9 of identity 2 is shown by the other tracks of identity 2, and by these two.
    """
    if not finding.tracks:
        return [
            Side(f"identity {one}", one, _some(np.flatnonzero(faces.identity == one)))
            for one in finding.identities[:_MOST_SIDES]
        ]
    named = np.isin(faces.track, finding.tracks)
    owners = finding.identities or tuple(np.unique(faces.identity[named]).tolist())
    found = []
    for one in owners[:_MOST_SIDES]:
        own = faces.identity == one
        tracks = np.unique(faces.track[own & named]).tolist()
        part = f"track {tracks[0]}" if len(tracks) == 1 else f"{len(tracks):,} tracks"
        whole = not (own & ~named).any()
        told = f"identity {one}" if whole else f"{part} of identity {one}"
        found += [
            Side(f"other tracks of identity {one}", one, _some(np.flatnonzero(own & ~named))),
            Side(told, one, _some(np.flatnonzero(own & named))),
        ]
    return [side for side in found if side.rows]


def _some(places: npt.NDArray[np.intp]) -> tuple[int, ...]:
    return tuple(places[spread(len(places), SIDE_FACES)].tolist())


def as_doubt(
    finding: Finding, sides: Sequence[Side], tiles: Mapping[int, tuple[Tile, ...]], *, first: int, command: bool
) -> Doubt:
    """A finding with its faces, of which ``tiles`` has each side's, numbered from ``first`` on; and its ``command``."""
    shown = tuple(
        Shown(label=side.label, identity=side.identity, tiles=tiles.get(number, ()))
        for number, side in enumerate(sides, first)
    )
    mending = finding.command if command else ""
    return Doubt(kind=finding.kind, score=finding.score, why=finding.why, command=mending, faces=shown)


def moved(doubt: Doubt, folder: str) -> Doubt:
    """A finding for a page that lies elsewhere: ``folder`` leads from there to its pictures."""

    def elsewhere(shown: Shown) -> Shown:
        tiles = (tile.model_copy(update={"src": f"{folder}{tile.src}"}) for tile in shown.tiles)
        return shown.model_copy(update={"tiles": tuple(tiles)})

    return doubt.model_copy(update={"faces": tuple(map(elsewhere, doubt.faces))})
