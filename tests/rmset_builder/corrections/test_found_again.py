"""A video is extracted again, with other settings: corrections are found by place and time, or told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from corrections import wall

from rmset_builder.corrections.correct import drop, merge, reapply, split, swap, undo
from rmset_builder.verify.collection import verify

# Somebody else is found as well, tracks break elsewhere, and boxes lie a little otherwise.
ANOTHER = (*wall.WALL[:1], (1, 1, 0, 29), (1, 1, 31, 59), *wall.WALL[2:], (7, 5, 0, 30))


def who(shards: Path) -> dict[tuple[int, int], int]:
    """Whose the face in each frame and tile is."""
    return {(frame, round(left) // 100): one for (frame, left), one in wall.people(shards).items()}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    wall.extract(tmp_path)
    return tmp_path


def again(
    shards: Path, layout: tuple[tuple[int, int, int, int], ...] = ANOTHER, jitter: float = 2.0
) -> tuple[str, ...]:
    return reapply(shards, wall.extract(shards, wall=layout, jitter=jitter, settings="second"))[1]


def last_track(shards: Path, identity: int) -> int:
    table = wall.faces(shards)
    return max(
        track
        for track, one in zip(table["track"].to_pylist(), table["identity"].to_pylist(), strict=True)
        if one == identity
    )


def test_everything_at_once(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    split(shards, "wall", 3, [last_track(shards, 3)])
    merge(shards, "wall", [0, 1], as_of=0)
    swap(shards, "wall", (2, 4), first=45, as_of=0)
    before = who(shards)
    assert again(shards) == ()
    after = who(shards)
    same = before.keys() & after.keys()
    assert len(same) >= len(before) - 1
    pairs = {(before[place], after[place]) for place in same}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}), "everybody is who they were"
    strangers = {one for place, one in after.items() if place not in before}
    assert len(strangers) == 1
    assert verify(shards, shards / "none", quick=True, threads=1).faults == []
    for _ in range(3):
        undo(shards)
    plain = tmp_path_factory.mktemp("plain")
    wall.extract(plain, wall=ANOTHER, jitter=2.0, settings="second")
    assert wall.contents(shards) == wall.contents(plain)


def test_who_was_dropped_stays_away_and_can_come_back(shards: Path) -> None:
    drop(shards, "wall", 2)
    assert again(shards) == ()
    assert not [place for place in who(shards) if place[1] == 2]
    undo(shards)
    assert len([place for place in who(shards) if place[1] == 2]) == 60


def test_what_is_right_by_itself_now_is_left_as_it_is(tmp_path: Path) -> None:
    # The first extraction takes 0 and 1 for each other from frame 30 on, and holds one person twice.
    wrong = ((0, 0, 0, 29), (1, 1, 0, 29), (1, 0, 30, 59), (0, 1, 30, 59), (2, 2, 0, 20), (5, 2, 31, 59))
    right = ((0, 0, 0, 59), (1, 1, 0, 59), (2, 2, 0, 59))
    wall.extract(tmp_path, wall=wrong)
    merge(tmp_path, "wall", [2, 3])
    swap(tmp_path, "wall", (0, 1), first=30)
    assert again(tmp_path, right) == (
        "correction 1 (identities 2 and 3 are one person): it is so already",
        "correction 2 (identities 0 and 1 are exchanged from frame 30): it is so already",
    )
    assert who(tmp_path) == {(frame, tile): tile for frame in range(60) for tile in range(3)}


def test_who_cannot_be_found_is_told_and_nobody_is_guessed(shards: Path) -> None:
    merge(shards, "wall", [3, 4])
    drop(shards, "wall", 2)
    without = tuple(one for one in ANOTHER if one[0] not in (2, 4))
    assert again(shards, without) == (
        "correction 1 (identities 3 and 4 are one person): its faces are not found any more",
        "correction 2 (identity 2 is left out): its faces are not found any more",
    )
    assert len(set(who(shards).values())) == len({one[0] for one in without})
    # They are found again as soon as they are there again.
    assert again(shards) == ()
    assert not [place for place in who(shards) if place[1] == 2]


def test_somebody_who_became_far_more_is_not_dropped_as_a_whole(shards: Path) -> None:
    drop(shards, "wall", 4)  # 41 faces
    mixed = (*((4 if one[0] == 1 else one[0], *one[1:]) for one in ANOTHER),)
    assert again(shards, mixed) == (
        "correction 1 (identity 4 is left out): applied to those tracks alone that are surely meant",
    )
    left = who(shards)
    assert [place for place in left if place[1] == 1]
    assert not [place for place in left if place[1] == 4]


def test_another_size_of_picture(shards: Path) -> None:
    drop(shards, "wall", 2)
    record = wall.extract(shards, jitter=1.0, settings="second")
    assert reapply(shards, replace(record, width=2 * wall.WIDTH, height=2 * wall.HEIGHT))[1] == (
        "correction 1 (identity 2 is left out): its faces are not found any more",
    )
