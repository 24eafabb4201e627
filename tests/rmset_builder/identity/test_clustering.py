from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people_in_vectors import RULES, SIZE, people, unit

from rmset_builder.core.geometry import Array
from rmset_builder.identity.clustering import IdentityRules, TrackSummary, cluster_tracks, doubtful_tracks

LONG, SHORT = RULES.solid + 20, RULES.solid - 1


def alike(*cosines: float) -> Array:
    """The vector e0, then a vector for each cosine, of that likeness to e0 and of as little as can be to each other."""
    found = np.zeros((len(cosines) + 1, SIZE))
    found[0, 0] = 1
    for row, cosine in enumerate(cosines, start=1):
        found[row, [0, row]] = cosine, np.sqrt(1 - cosine**2)
    return unit(found)


def summary(embedding: Array, *apart: tuple[int, int], faces: list[int] | None = None) -> TrackSummary:
    matrix = np.zeros((len(embedding), len(embedding)), bool)
    for i, j in apart:
        matrix[i, j] = matrix[j, i] = True
    return TrackSummary(np.array(faces or [LONG] * len(embedding), np.int64), embedding, matrix)


def groups(labels: npt.NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def test_no_track_has_no_label_and_one_track_is_one_person() -> None:
    assert cluster_tracks(summary(np.empty((0, SIZE), np.float32)), RULES).shape == (0,)
    for faces in (1, SHORT, LONG):
        assert cluster_tracks(summary(alike(), faces=[faces]), RULES).tolist() == [0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 25))
@settings(max_examples=60)
def test_two_faces_of_one_moment_are_two_people_and_labels_have_no_gaps(seed: int, tracks: int) -> None:
    rng = np.random.default_rng(seed)
    # Everything from strangers to near doubles, in tracks long and short.
    _, embedding = people(seed, who=int(rng.integers(1, 5)), tracks=tracks, spread=rng.uniform(0, 1.5))
    apart = np.triu(rng.random((tracks, tracks)) < rng.uniform(0, 0.7), 1)
    apart |= apart.T
    faces = rng.integers(1, 2 * RULES.solid, tracks)

    labels = cluster_tracks(TrackSummary(faces, embedding, apart), RULES)

    assert labels.shape == (tracks,)
    assert set(labels.tolist()) == set(range(labels.max() + 1))
    for i, j in itertools.combinations(range(tracks), 2):
        assert not (apart[i, j] and labels[i] == labels[j])


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 30))
@settings(max_examples=60)
def test_people_who_differ_are_told_apart_in_any_order(seed: int, who: int, tracks: int) -> None:
    truth, embedding = people(seed, who=who, tracks=tracks, spread=0.3)
    faces = np.random.default_rng(seed).permutation(np.arange(3, 3 + tracks))
    apart = np.zeros((tracks, tracks), bool)
    labels = cluster_tracks(TrackSummary(faces, embedding, apart), RULES)
    assert groups(labels) == groups(truth)

    order = np.random.default_rng(seed + 1).permutation(tracks)
    shuffled = cluster_tracks(TrackSummary(faces[order], embedding[order], apart), RULES)
    assert groups(shuffled) == groups(truth[order])


@pytest.mark.parametrize(("cosine", "same"), [(0.41, True), (0.39, False)])
def test_tracks_are_one_person_from_the_rules_likeness_on(cosine: float, same: bool) -> None:
    labels = cluster_tracks(summary(alike(cosine)), RULES)
    assert (labels[0] == labels[1]) == same
    eager = cluster_tracks(summary(alike(cosine)), IdentityRules(same_person=0.2))
    assert eager[0] == eager[1]


def test_it_is_the_mean_likeness_of_groups_that_counts() -> None:
    # Two and three are alike; the first is as the one but not as the other, on average too little.
    embedding = np.zeros((3, SIZE))
    embedding[:, :3] = [[1, 0, 0], [0.5, 0.8, 0.3], [0.1, 0.95, 0.3]]
    embedding = unit(embedding)
    cosine = embedding @ embedding.T
    assert cosine[0, 1] > RULES.same_person > (cosine[0, 1] + cosine[0, 2]) / 2
    assert groups(cluster_tracks(summary(embedding), RULES)) == {frozenset({0}), frozenset({1, 2})}


@pytest.mark.parametrize("faces", [LONG, SHORT])
def test_two_who_were_seen_apart_are_two_however_alike(faces: int) -> None:
    embedding = alike(0.99)
    assert len(np.unique(cluster_tracks(summary(embedding, (0, 1), faces=[LONG, faces]), RULES))) == 2
    assert len(np.unique(cluster_tracks(summary(embedding, faces=[LONG, faces]), RULES))) == 1


def test_a_third_track_does_not_bring_two_together_who_are_apart() -> None:
    embedding = alike(0.7, 0.72)
    assert embedding[1] @ embedding[2] > RULES.same_person
    labels = cluster_tracks(summary(embedding, (1, 2)), RULES)
    assert labels[1] != labels[2]
    assert labels[0] == labels[2], "the one it is more like"
    assert len(np.unique(cluster_tracks(summary(embedding), RULES))) == 1


@pytest.mark.parametrize(("cosine", "joins"), [(0.31, True), (0.29, False)])
def test_a_short_track_joins_what_it_is_like(cosine: float, joins: bool) -> None:
    labels = cluster_tracks(summary(alike(cosine), faces=[LONG, SHORT]), RULES)
    assert (labels[0] == labels[1]) == joins
    # From a dozen frames on it stands for itself.
    labels = cluster_tracks(summary(alike(cosine), faces=[LONG, RULES.solid]), RULES)
    assert labels[0] != labels[1]


def test_a_short_track_joins_the_nearest_that_it_may() -> None:
    # Two people, and a short track that is more like the first.
    embedding = np.zeros((3, SIZE))
    embedding[:, :3] = [[1, 0, 0], [0, 1, 0], [0.6, 0.5, 0.62]]
    embedding = unit(embedding)
    faces = [LONG, LONG, SHORT]

    def labels(*apart: tuple[int, int]) -> set[frozenset[int]]:
        return groups(cluster_tracks(summary(embedding, *apart, faces=faces), RULES))

    assert labels() == {frozenset({0, 2}), frozenset({1})}
    assert labels((0, 2)) == {frozenset({0}), frozenset({1, 2})}
    assert labels((0, 2), (1, 2)) == {frozenset({0}), frozenset({1}), frozenset({2})}


def test_a_persons_long_tracks_say_more_of_a_short_ones_likeness() -> None:
    # The short one is as the first track and not as the second; both are one person.
    embedding = np.zeros((3, SIZE))
    embedding[:, :3] = [[1, 0, 0], [0.5, np.sqrt(0.75), 0], [0.5, -np.sqrt(0.75) * 0.9, 0.35]]
    embedding = unit(embedding)
    first, second = embedding[2] @ embedding[:2].T
    assert first > RULES.join > second

    def labels(*faces: int) -> set[frozenset[int]]:
        return groups(cluster_tracks(summary(embedding, faces=[*faces, SHORT]), RULES))

    assert labels(5000, LONG) == {frozenset({0, 1, 2})}
    assert labels(LONG, 5000) == {frozenset({0, 1}), frozenset({2})}


def test_short_tracks_like_nobody_are_clustered_among_themselves() -> None:
    embedding = np.zeros((5, SIZE))
    embedding[:, :4] = [[1, 0, 0, 0], [0, 1, 0.2, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 1, 0.1, 0]]
    faces = [LONG, 5, 4, 3, 2]
    assert groups(cluster_tracks(summary(unit(embedding), faces=faces), RULES)) == {
        frozenset({0}),
        frozenset({1, 2, 4}),
        frozenset({3}),
    }
    apart = groups(cluster_tracks(summary(alike(0.7), (0, 1), faces=[3, 2]), RULES))
    assert apart == {frozenset({0}), frozenset({1})}


def test_a_video_of_short_tracks_alone() -> None:
    truth, embedding = people(5, who=3, tracks=12, spread=0.2)
    labels = cluster_tracks(summary(embedding, faces=[SHORT] * 12), RULES)
    assert groups(labels) == groups(truth)


def test_thousands_of_tracks_do_not_outvote_one_pair_that_is_apart() -> None:
    count = 4000
    rng = np.random.default_rng(0)
    embedding = np.repeat(alike(0.72), count // 2, axis=0) + 0.003 * rng.normal(size=(count, SIZE))
    labels = cluster_tracks(summary(unit(embedding), (0, count - 1)), RULES)
    assert labels[0] != labels[-1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 15))
@settings(max_examples=60)
def test_doubtful_are_those_that_more_evidence_could_move(seed: int, tracks: int) -> None:
    rng = np.random.default_rng(seed)
    _, embedding = people(seed, who=int(rng.integers(1, 5)), tracks=tracks, spread=rng.uniform(0, 1.5))
    apart = np.triu(rng.random((tracks, tracks)) < 0.2, 1)
    video = TrackSummary(rng.integers(1, 2 * RULES.solid, tracks), embedding, apart | apart.T)
    labels = cluster_tracks(video, RULES)
    cosine = embedding @ embedding.T

    def mean_likeness(track: int, label: int) -> float | None:
        others = [k for k in range(tracks) if labels[k] == label and k != track]
        if not others:
            return None
        return float(np.average(cosine[track, others], weights=video.faces[others]))

    expected, near = set(), set()
    for track in range(tracks):
        own = mean_likeness(track, labels[track])
        margins = [] if own is None else [RULES.same_person + RULES.doubt - own]
        for label in set(labels.tolist()) - {int(labels[track])}:
            if not any(video.apart[track, k] for k in range(tracks) if labels[k] == label):
                likeness = mean_likeness(track, label)
                assert likeness is not None
                margins.append(likeness - (RULES.same_person - RULES.doubt))
        if any(margin > 0 for margin in margins):
            expected.add(track)
        if any(abs(margin) < 1e-5 for margin in margins):
            near.add(track)
    assert set(doubtful_tracks(video, labels, RULES).tolist()) - near == expected - near
