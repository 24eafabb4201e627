"""Average linkage makes the groups that SciPy's makes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from rmset_builder.identity.linkage import average_linkage

NEVER = 1e9


def by_scipy(alike: npt.NDArray[np.float64], apart: npt.NDArray[np.bool_], least: float) -> npt.NDArray[np.int64]:
    distance = np.where(apart, NEVER, 1 - alike)
    tree = linkage(distance[np.triu_indices(len(alike), k=1)], method="average")
    return np.asarray(fcluster(tree, np.nextafter(1 - least, -np.inf), criterion="distance"))


def together(groups: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    return np.asarray(groups[:, None] == groups)


def people(rng: np.random.Generator, count: int, *, each: int, noise: float) -> npt.NDArray[np.float64]:
    """Cosine similarities of vectors scattered round some that are at random."""
    centres = rng.normal(size=(count, 16))
    vectors = np.repeat(centres, each, axis=0) + noise * rng.normal(size=(count * each, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors @ vectors.T)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(1, 8),
    st.floats(0.1, 3),
    st.floats(0, 0.5),
    st.floats(-0.2, 0.9),
)
@settings(max_examples=150)
def test_groups_are_scipys(seed: int, count: int, each: int, noise: float, forbidden: float, least: float) -> None:
    rng = np.random.default_rng(seed)
    alike = people(rng, count, each=each, noise=noise)
    apart = np.triu(rng.random(alike.shape) < forbidden, k=1)
    apart |= apart.T
    found = together(average_linkage(alike, apart, least))
    assert not (found & apart).any()
    if len(alike) > 1:
        np.testing.assert_array_equal(found, together(by_scipy(alike, apart, least)))


@pytest.mark.parametrize(("least", "groups"), [(0.5, 2), (0.49, 1)])
def test_what_is_just_not_enough_is_not(least: float, groups: int) -> None:
    alike = np.array([[1, 0.5], [0.5, 1]])
    assert len(np.unique(average_linkage(alike, np.zeros((2, 2), bool), least))) == groups


def test_groups_are_as_alike_as_their_members_on_average() -> None:
    alike = np.array([[1, 0.9, 0.6], [0.9, 1, 0.3], [0.6, 0.3, 1]])
    nobody = np.zeros((3, 3), bool)
    assert together(average_linkage(alike, nobody, 0.44)).all()
    assert average_linkage(alike, nobody, 0.46).tolist() in ([0, 0, 2], [1, 1, 2])


@pytest.mark.parametrize("count", [0, 1])
def test_few_are_groups_of_their_own(count: int) -> None:
    assert average_linkage(np.ones((count, count)), np.zeros((count, count), bool), 0.3).tolist() == list(range(count))


def test_hundreds_of_tracks_are_grouped_as_scipy_groups_them() -> None:
    alike = people(np.random.default_rng(1), 25, each=40, noise=0.8)
    nobody = np.zeros(alike.shape, bool)
    found = together(average_linkage(alike, nobody, 0.33))
    np.testing.assert_array_equal(found, together(by_scipy(alike, nobody, 0.33)))
    assert 2 < len(np.unique(found, axis=0)) < len(alike) / 4
