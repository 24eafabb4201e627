"""People of the film that is watched: they come and go with its cuts, where others have been, while the wall stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.core.words import in_a_row
from rmset_builder.reports.findings import FILM, Finding, Mending
from rmset_builder.reports.review.layouts import Layouts, comings_and_goings, inside, layouts_of, stays_of
from rmset_builder.reports.review.likeness import People
from rmset_builder.reports.review.scale import LEAST, SURE, weighted_median
from rmset_builder.reports.review.tracks import Places, Tracks

# Share of the wall's usual presence that a person of the film is away at least, as a rule.
_AWAY = 0.5
# Times that somebody comes back while the wall stays as it is, which only people of a film do.
_COMES_OFTEN = 4
# Comings and goings that a place sees at least where a film is shown; two are one who leaves his seat to another.
_FEWEST_TURNS = 3
# Frames that a track must have for somebody to be where it is.
_THERE = 5
# So many times as far as their faces are large two people may be, to be in the same place in turn.
_REACH = 1.5
# Frames within which two tracks begin, or end, with the same cut of the film.
_TOGETHER = 1
# Identities as alike as this may be one person in parts, who is in the same place because it is the same person.
_ALIKE = 0.3


def maybe_film(tracks: Tracks, people: People, second: int, mending: Mending) -> Iterator[Finding]:
    """Identities that may be of the film.

    Args:
        tracks: of the video.
        people: of the video.
        second: frames of a second.
        mending: its commands.
    """
    if not len(tracks):
        return
    layouts = layouts_of(tracks)
    candidates = list(_candidates(tracks, people, layouts, second))
    of_film = np.concatenate([np.empty(0, np.intp), *(one.own for one in candidates if one.score() >= LEAST)])
    for one in candidates:
        together = _share_together(tracks, one.own, np.setdiff1d(of_film, one.own), layouts)
        if (score := one.score(together)) < LEAST:
            continue
        times = "once" if one.comings == 1 else f"{one.comings} times"
        reasons = {
            f"shares its place with others in turn for {one.in_turn:.0%} of its time": one.in_turn,
            f"comes back {times} while the wall stays as it is": one.comings,
            f"comes and goes with others of the film for {together:.0%} of its time": together,
        }
        yield Finding(
            video=mending.video,
            kind=FILM,
            identities=(one.identity,),
            tracks=(),
            score=score,
            why=f"Identity {one.identity} is seen {one.away:.0%} less than is usual here, and "
            f"{in_a_row([reason for reason, holds in reasons.items() if holds])}.",
            command=mending.drop(one.identity),
        )


@dataclass(frozen=True)
class _Candidate:
    """Somebody who may be of the film: the places of the identity's tracks, and what tells of it."""

    identity: int
    own: Places
    away: float
    in_turn: float
    comings: int

    def score(self, together: float = 0.0) -> float:
        """0..1; ``together`` is the share of time with others of the film."""
        return _at_most(self.away) * max(self.in_turn, min(self.comings / _COMES_OFTEN, 1), together)


def _candidates(tracks: Tracks, people: People, layouts: Layouts, second: int) -> Iterator[_Candidate]:
    # That of whoever has the middle one of all faces: the wall's, however many people the film has.
    usual = weighted_median(people.faces.astype(np.float64), people.faces)
    for index, identity in enumerate(people.identity.tolist()):
        away = 1 - float(people.faces[index]) / usual
        if _at_most(away) < LEAST:
            continue
        own = tracks.of(identity)
        strangers = np.flatnonzero(np.isin(tracks.identity, people.identity[_strangers(people, index)]))
        stays = stays_of(tracks, own, layouts, second)
        yield _Candidate(
            identity=identity,
            own=own,
            away=away,
            in_turn=_share_in_turn(tracks, own, strangers, layouts, second),
            comings=len(stays) - len({stay.layout for stay in stays}),
        )


def _at_most(away: float) -> float:
    """The highest score of somebody who is away for a share of the usual time."""
    return SURE * min(away / _AWAY, 1)


def _share_together(tracks: Tracks, own: Places, others: Places, layouts: Layouts) -> float:
    """The share of somebody's faces in tracks that begin and end with one of some others', not both with the layout."""
    first, last = tracks.first[own], tracks.last[own]
    begins = np.abs(first[:, None] - tracks.first[others]) <= _TOGETHER
    ends = np.abs(last[:, None] - tracks.last[others]) <= _TOGETHER
    not_the_wall = inside(first, last, layouts.of_track[own], layouts).any(axis=0)
    return int(tracks.faces[own[(begins & ends).any(axis=1) & not_the_wall]].sum()) / int(tracks.faces[own].sum())


def _strangers(people: People, index: int) -> npt.NDArray[np.bool_]:
    """Which identities (n,) are surely others than this one."""
    others = people.identity != people.identity[index]
    return np.asarray(others if people.alike is None else others & (people.alike[index] < _ALIKE))


def _share_in_turn(tracks: Tracks, own: Places, strangers: Places, layouts: Layouts, second: int) -> float:
    """The share of an identity's faces in places where, in the same layout, others are at other times."""
    sharing, seen = [], [np.empty(0, np.intp)]
    centre = (tracks.box[:, :2] + tracks.box[:, 2:]) / 2
    for one in own.tolist():
        reach = _REACH * np.maximum(tracks.size[strangers], tracks.size[one])
        ever_near = strangers[np.linalg.norm(centre[strangers] - centre[one], axis=1) < reach]
        near = ever_near[layouts.of_track[ever_near] == layouts.of_track[one]]
        is_beside = (tracks.first[near] <= tracks.last[one]) & (tracks.last[near] >= tracks.first[one])
        # A neighbour is near as well, and somebody who glides past is not there.
        neighbours = np.isin(tracks.identity[near], tracks.identity[near[is_beside]])
        near = near[~neighbours & (tracks.faces[near] >= _THERE)]
        if len(near):
            sharing.append(one)
            # The film's place is often the same in every layout, a seat is not.
            seen.append(ever_near[np.isin(tracks.identity[ever_near], tracks.identity[near])])
    there = np.concatenate([np.array(sharing, np.intp), np.unique(np.concatenate(seen))])
    turns = sum(
        comings_and_goings(stays_of(tracks, there[tracks.identity[there] == who], layouts, second), layouts)
        for who in np.unique(tracks.identity[there])
    )
    return int(tracks.faces[sharing].sum()) / int(tracks.faces[own].sum()) if turns >= _FEWEST_TURNS else 0.0
