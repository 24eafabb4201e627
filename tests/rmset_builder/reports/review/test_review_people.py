"""Identities that are one person, or two."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_walls import MENDING, SECOND, Track, faces_of, looks_alike, wall

from rmset_builder.reports.review.likeness import Looks, looks_of, people_of
from rmset_builder.reports.review.one_person import maybe_one_person
from rmset_builder.reports.review.tracks import tracks_of
from rmset_builder.reports.review.twice import maybe_twice
from rmset_builder.reports.review.two_people import maybe_two_people, two_groups

LEFT, RIGHT = (100.0, 100.0), (400.0, 100.0)


@pytest.mark.parametrize(
    ("alike", "second_begins", "kind", "score"),
    [
        (0.30, 100, "one-person", 0.50),
        (0.42, 100, "one-person", 0.80),
        (0.90, 100, "one-person", 1.00),
        (0.25, 100, "", 0),
        # Of two hundred frames ten side by side: the end of one place and the beginning of the other.
        (0.42, 90, "one-person", 0.80),
        (0.42, 0, "", 0),
        (0.55, 0, "twice", 0.50),
        (0.80, 0, "twice", 1.00),
    ],
)
def test_who_may_be_one_person(alike: float, second_begins: int, kind: str, score: float) -> None:
    tracks = tracks_of(faces_of([Track(0, 0, 99, LEFT), Track(2, second_begins, second_begins + 99, RIGHT)]))
    one, other = looks_alike(alike)

    # Whoever was taken out still has a mean: identity 1.
    found = list(maybe_one_person(people_of(tracks, np.stack([one * 3, one, other])), MENDING))

    assert [finding.kind for finding in found] == ([kind] if kind else [])
    if found:
        assert found[0].score == pytest.approx(score, abs=1e-5)
        assert found[0].identities == (0, 2)
        assert f"{alike:.2f}" in found[0].why
        assert found[0].command == "rmset merge wall 0 2 --shards shards"


def test_nobody_is_called_one_person_without_embeddings() -> None:
    tracks = tracks_of(faces_of([Track(0, 0, 99, LEFT), Track(1, 100, 199, RIGHT)]))
    assert list(maybe_one_person(people_of(tracks, None), MENDING)) == []
    assert list(maybe_one_person(people_of(tracks, looks_alike()), MENDING)) == []


def noisy(rng: np.random.Generator, look: np.ndarray, count: int, spread: float) -> np.ndarray:
    """Looks of one person: unit vectors about ``look``."""
    found = look + spread * rng.normal(size=(count, len(look))) / np.sqrt(len(look))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("few", [1, 2, 5])
def test_two_groups_are_the_two_people(few: int) -> None:
    rng = np.random.default_rng(few)
    for _ in range(20):
        one, other = looks_alike(0.2, dimensions=64)
        looks = np.concatenate([noisy(rng, one, few, 0.6), noisy(rng, other, 7, 0.6)]).astype(np.float32)
        faces = rng.integers(12, 200, len(looks))
        truth = np.arange(len(looks)) < few
        order = rng.permutation(len(looks))

        found = two_groups(looks[order], faces[order])

        assert found is not None
        side, alike = found
        fewer = truth if faces[truth].sum() <= faces[~truth].sum() else ~truth
        assert side.tolist() == fewer[order].tolist()
        means = [(looks[part].astype(np.float64) * faces[part, None]).sum(axis=0) for part in (truth, ~truth)]
        a, b = (mean / np.linalg.norm(mean) for mean in means)
        assert alike == pytest.approx(a @ b, abs=1e-5)


def test_the_two_groups_are_the_least_alike_of_all() -> None:
    rng = np.random.default_rng(8)
    one, two, three = looks_alike(0.1, 0.6, dimensions=32)
    looks = np.concatenate([noisy(rng, look, 2, 0.3) for look in (one, two, three)]).astype(np.float32)
    faces = np.array([40, 30, 20, 60, 25, 50])
    alike = []
    for mask in range(1, 2**5):
        side = (mask >> np.arange(6)) & 1 == 1
        means = [(looks[part].astype(np.float64) * faces[part, None]).sum(axis=0) for part in (side, ~side)]
        alike.append(float(np.dot(*(mean / np.linalg.norm(mean) for mean in means))))
    found = two_groups(looks, faces)
    assert found is not None
    assert found[1] == pytest.approx(min(alike), abs=1e-5)


def test_flickering_faces_are_nobody() -> None:
    looks = looks_alike(0.0, 0.0)
    assert two_groups(looks[:1], np.array([500])) is None
    # The other two have eleven faces together.
    assert two_groups(looks, np.array([500, 6, 5])) is None
    assert two_groups(looks, np.array([500, 12, 5])) is not None


@pytest.mark.parametrize(
    ("alike", "other_begins", "score"),
    [(0.10, 100, 1.0), (0.30, 100, 0.5), (0.40, 100, None), (0.40, 0, 0.875), (0.55, 0, 0.5), (0.80, 0, None)],
)
def test_an_identity_of_two_people_is_named_with_the_tracks_of_one(
    alike: float, other_begins: int, score: float | None
) -> None:
    placed = [
        Track(3, 0, 99, LEFT),
        Track(3, other_begins, other_begins + 49, RIGHT),
        Track(3, 200, 299, LEFT),
        Track(7, 0, 299, (900, 100)),
    ]
    tracks = tracks_of(faces_of(placed))
    one, other = looks_alike(alike)
    looks = Looks(np.stack([one, other, one, other]), np.ones(4, bool))

    found = list(maybe_two_people(tracks, looks, MENDING))

    assert len(found) == (score is not None)
    if score is not None:
        assert found[0].score == pytest.approx(score, abs=1e-5)
        assert (found[0].kind, found[0].identities, found[0].tracks) == ("two-people", (3,), (1,))
        assert found[0].command == "rmset split wall 3 --track 1 --shards shards"
        assert ("beside" in found[0].why) == (other_begins == 0)


def test_tracks_look_as_the_sum_of_their_faces_does() -> None:
    tracks = tracks_of(faces_of([Track(0, 0, 20, LEFT), Track(0, 30, 50, LEFT), Track(1, 0, 50, RIGHT)]))
    embedding = np.array([[3, 0], [0, 1], [0, 5], [7, 7]], np.float32)

    looks = looks_of(tracks, np.array([0, 0, 2, 9], np.int32), embedding)

    np.testing.assert_allclose(looks.embedding[0], [3 / 10**0.5, 1 / 10**0.5], rtol=1e-6)
    np.testing.assert_allclose(looks.embedding[2], [0, 1])
    # Of the second nothing is known, and the fourth face is of a track that is none of these.
    assert looks.known.tolist() == [True, False, True]


def test_whoever_has_two_faces_at_once_for_long() -> None:
    placed = [
        *wall([0, 1, 2], 0, 199),
        Track(1, 50, 99, (1200, 150)),
        Track(2, 0, SECOND - 2, (1500, 150)),
    ]
    tracks = tracks_of(faces_of(placed))

    found = list(maybe_twice(tracks, people_of(tracks, None), SECOND, MENDING))

    assert [(finding.identities, finding.tracks) for finding in found] == [((1,), (3,))]
    # Fifty of two hundred and fifty faces: a fifth, where a quarter is the border.
    assert found[0].score == pytest.approx(0.4 + 0.1 * 0.8)
    assert "50 frames" in found[0].why
    assert found[0].command == "rmset split wall 1 --track 3 --shards shards"
