"""People of the film: they come and go while the wall stays."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_walls import MENDING, SECOND, Track, faces_of, wall

from rmset_builder.reports.findings import Finding
from rmset_builder.reports.review.film import maybe_film
from rmset_builder.reports.review.layouts import Stay, comings_and_goings, layouts_of, stays_of
from rmset_builder.reports.review.likeness import people_of
from rmset_builder.reports.review.tracks import tracks_of

SCREEN = (2000.0, 600.0)


def named(placed: list[Track], means: np.ndarray | None = None) -> dict[int, Finding]:
    tracks = tracks_of(faces_of(placed))
    found = list(maybe_film(tracks, people_of(tracks, means), SECOND, MENDING))
    assert {finding.kind for finding in found} <= {"film"}
    return {finding.identities[0]: finding for finding in found}


def test_who_is_where_others_are_in_turn() -> None:
    film = [Track(9, 0, 39, SCREEN, 60), Track(8, 40, 119, (2040, 620), 70), Track(9, 120, 199, SCREEN, 60)]
    found = named([*wall(range(4), 0, 199), *film])
    # Of two hundred frames the one is seen in 80, the other in 120: 60 % and 40 % less than the wall's people are.
    assert {who: round(finding.score, 3) for who, finding in found.items()} == {8: 0.75, 9: 0.6}
    assert "60% less" in found[8].why
    assert "100%" in found[8].why
    assert found[8].command == "rmset drop wall 8 --shards shards"


def test_who_comes_back_again_and_again() -> None:
    place = (2000.0, 100.0)
    film = [Track(7, first, first + 9, place) for first in range(0, 400, 100)]
    (found,) = named([*wall(range(4), 0, 399), *film]).values()
    assert found.score == pytest.approx(0.75 * 3 / 4)
    assert "comes back 3 times" in found.why
    # Flickering is no coming back.
    assert named([*wall(range(4), 0, 399), *[Track(7, first, first + 4, place) for first in range(0, 100, 10)]]) == {}


def test_a_new_layout_puts_people_where_others_were() -> None:
    placed = [*wall(range(5), 0, 99), *wall(range(4), 100, 199, shift=1), *wall(range(4), 200, 299, shift=3)]
    # Identity 4 leaves for good at the first change.
    layouts = layouts_of(tracks_of(faces_of(placed)))
    assert layouts.begin.tolist() == [0, 100, 200]
    assert layouts.end.tolist() == [99, 199, 299]
    assert named(placed) == {}


def test_who_leaves_for_a_while_is_not_of_the_film() -> None:
    away = [Track(5, 0, 49, (1800, 150)), Track(5, 180, 199, (1800, 150))]
    assert named([*wall(range(4), 0, 199), *away]) == {}


def test_one_person_in_two_parts_does_not_share_a_place_with_another() -> None:
    parts = [Track(4, 0, 59, SCREEN), Track(5, 60, 119, SCREEN), Track(4, 120, 149, SCREEN)]
    placed = [*wall(range(4), 0, 199), *parts]
    looks = np.eye(6, 8, dtype=np.float32)
    assert set(named(placed, looks)) == {4, 5}
    looks[5] = looks[4]
    assert named(placed, looks) == {}


def test_a_film_of_many_people_is_not_taken_for_the_wall() -> None:
    film = [Track(10 + number, 20 * number, 20 * number + 19, SCREEN) for number in range(10)]
    assert set(named([*wall(range(3), 0, 199), *film])) == set(range(10, 20))


def test_who_leaves_a_seat_to_another_is_not_of_the_film() -> None:
    seat = (1800.0, 150.0)
    assert named([*wall(range(4), 0, 199), Track(4, 0, 99, seat), Track(5, 100, 199, seat)]) == {}
    film = [Track(4, 0, 79, seat), Track(5, 100, 139, seat), Track(4, 160, 179, seat)]
    assert set(named([*wall(range(4), 0, 199), *film])) == {4, 5}


def test_who_comes_and_goes_with_people_of_the_film_is_of_it() -> None:
    cuts = [(0, 39), (40, 119), (120, 199)]
    film = [Track(9, *cuts[0], SCREEN), Track(8, *cuts[1], SCREEN), Track(9, *cuts[2], SCREEN)]
    beside = [Track(7, 41, 118, (2000.0, 1200.0))]
    found = named([*wall(range(4), 0, 199), *film, *beside])
    assert set(found) == {7, 8, 9}
    assert "comes and goes with others of the film for 100% of its time" in found[7].why
    assert found[7].score == pytest.approx(0.75)
    for first, last in ((42, 118), (41, 117)):
        assert set(named([*wall(range(4), 0, 199), *film, Track(7, first, last, (2000.0, 1200.0))])) == {8, 9}


def test_who_comes_and_goes_with_the_wall_is_not_of_the_film() -> None:
    before, after = wall(range(6), 0, 99), wall(range(4), 100, 299, shift=1)
    film = [Track(9, 0, 99, SCREEN), *(Track(9, first, first + 9, SCREEN) for first in range(100, 300, 50))]
    assert set(named([*before, *after, *film])) == {9}


def test_stays_are_told_by_layout_and_without_moments_of_absence() -> None:
    placed = [
        *wall(range(4), 0, 99),
        *wall(range(4), 100, 199, shift=2),
        *(Track(7, first, last, SCREEN) for first, last in ((5, 20), (30, 44), (80, 99), (100, 130), (170, 199))),
    ]
    tracks = tracks_of(faces_of(placed))
    layouts = layouts_of(tracks)
    stays = stays_of(tracks, tracks.of(7), layouts, SECOND)
    assert stays == [Stay(0, 5, 44), Stay(0, 80, 99), Stay(1, 100, 130), Stay(1, 170, 199)]
    # Goes at 44, comes at 80, goes at 130, comes at 170; 5 is as good as the beginning.
    assert comings_and_goings(stays, layouts) == 4


def test_a_slow_change_is_one_change_and_flickering_none() -> None:
    fading = [
        track
        for number in range(5)
        for track in (
            Track(number, 0, 90 + 2 * number, (300.0 * number, 0)),
            Track(number, 94 + 2 * number, 199, (300.0 * number, 500)),
        )
    ]
    flickering = [Track(9, first, first + 1, (0, 900)) for first in range(0, 200, 4)]
    tracks = tracks_of(faces_of([*fading, *flickering]))
    layouts = layouts_of(tracks)
    assert len(layouts.end) == 2
    assert 94 <= layouts.end[0] <= 98
    assert layouts.end[1] == 199
    assert layouts.of_track[:10].tolist() == [0, 1] * 5


def test_nobody_is_nobody() -> None:
    assert named([]) == {}
