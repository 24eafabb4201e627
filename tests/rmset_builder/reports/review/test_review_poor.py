"""Tiny, blurred and upside-down faces."""

from __future__ import annotations

import pytest
from made_up_walls import MENDING, Track, faces_of, wall

from rmset_builder.reports.findings import Finding
from rmset_builder.reports.review.poor import poor_tracks
from rmset_builder.reports.review.tracks import tracks_of

PLACE = (2000.0, 150.0)


def found(*placed: Track) -> list[Finding]:
    return list(poor_tracks(tracks_of(faces_of([*wall(range(4), 0, 99), *placed])), MENDING))


@pytest.mark.parametrize(
    ("track", "kind", "score", "told"),
    [
        (Track(7, 0, 49, PLACE, size=32), "tiny", 0.5, "32 pixels"),
        (Track(7, 0, 49, PLACE, size=24), "tiny", 0.625, "24 pixels"),
        (Track(7, 0, 49, PLACE, size=4), "tiny", 0.75, "4 pixels"),
        # The wall's faces have a sharpness of 50.
        (Track(7, 0, 49, PLACE, sharpness=5), "blurred", 0.5, "5.0, where 50.0 is usual at"),
        (Track(7, 0, 49, PLACE, sharpness=3), "blurred", 0.7, "3.0, where 50.0 is usual at"),
        (Track(7, 0, 49, PLACE, upright=False), "upside-down", 0.75, "eyes below the mouth in 100%"),
    ],
)
def test_what_is_poor(track: Track, kind: str, score: float, told: str) -> None:
    (one,) = found(track)
    assert (one.kind, one.identities, one.tracks) == (kind, (7,), (4,))
    assert one.score == pytest.approx(score, abs=1e-5)
    assert told in one.why
    assert one.command == "rmset drop wall 7 --shards shards"


def test_what_is_not() -> None:
    assert found(Track(7, 0, 49, PLACE, size=39), Track(8, 0, 49, (2500, 150), sharpness=6.5)) == []
    # Half the size, a quarter of the pixels: a quarter of the sharpness is usual. And a moment is worth nobody's time.
    assert found(Track(7, 0, 49, PLACE, size=50, sharpness=50 / 4 * 0.13), Track(8, 0, 10, (2500, 150), size=10)) == []
    assert [one.kind for one in found(Track(7, 0, 49, PLACE, size=50, sharpness=50 / 4 * 0.11))] == ["blurred"]


def test_the_poor_part_of_an_identity_is_to_be_split_off() -> None:
    (one,) = found(
        Track(7, 0, 49, PLACE),
        Track(7, 50, 69, PLACE, size=24),
        Track(7, 70, 99, PLACE, size=16),
        Track(8, 0, 20, (9, 900)),
    )
    assert one.tracks == (5, 6)
    # By faces: 20 of 0.625, 30 of 0.75.
    assert one.score == pytest.approx(0.7)
    assert "2 of the 3 longer tracks" in one.why
    assert one.command == "rmset split wall 7 --track 5 --track 6 --shards shards"


def test_flickering_does_not_keep_an_identity_from_being_dropped() -> None:
    (one,) = found(Track(7, 0, 49, PLACE, size=24), Track(7, 60, 64, PLACE, size=80))
    assert one.tracks == (4,)
    assert one.command == "rmset drop wall 7 --shards shards"


def test_of_no_tracks_none_is_poor() -> None:
    assert list(poor_tracks(tracks_of(faces_of([])), MENDING)) == []
