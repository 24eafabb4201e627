from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from insightface.model_zoo.scrfd import SCRFD
from insightface.utils import face_align
from skimage.transform import SimilarityTransform

from rmset_builder.core.geometry import areas, covered_share, iou_matrix, similarity_transform, suppress

Floats = npt.NDArray[np.floating[Any]]


def random_boxes(seed: int, count: int, *, spread: float = 100) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, spread, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(0, 40, (count, 2))], axis=1).astype(np.float32)


def pixels(box: Floats) -> set[tuple[int, int]]:
    x0, y0, x1, y1 = box.astype(int).tolist()
    return {(x, y) for x in range(x0, x1) for y in range(y0, y1)}


def whole_boxes(count: int) -> st.SearchStrategy[Floats]:
    """Boxes with whole corners, some of them empty or inside out."""
    return arrays(np.float64, (count, 4), elements=st.integers(0, 9).map(float))


@given(whole_boxes(4), whole_boxes(3))
def test_overlaps_are_those_of_counted_pixels(a: Floats, b: Floats) -> None:
    iou, covered = iou_matrix(a, b), covered_share(a, b)
    assert iou.shape == covered.shape == (4, 3)
    for row, one in enumerate(a):
        assert areas(a)[row] == len(pixels(one))
        for column, other in enumerate(b):
            both, either = pixels(one) & pixels(other), pixels(one) | pixels(other)
            smaller = min(len(pixels(one)), len(pixels(other)))
            assert iou[row, column] == pytest.approx(len(both) / max(len(either), 1))
            assert covered[row, column] == pytest.approx(len(both) / max(smaller, 1))


def test_overlaps_of_no_boxes_are_empty() -> None:
    none, some = np.empty((0, 4), np.float32), random_boxes(0, 3)
    for overlap in (iou_matrix, covered_share):
        assert overlap(none, some).shape == (0, 3)
        assert overlap(some, none).shape == (3, 0)


@pytest.mark.parametrize(
    ("a", "b", "iou", "covered"),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1, 1),
        ([0, 0, 10, 10], [10, 0, 20, 10], 0, 0),
        ([0, 0, 10, 10], [5, 0, 15, 10], 1 / 3, 1 / 2),
        ([0, 0, 10, 10], [2, 2, 4, 4], 4 / 100, 1),
        ([0, 0, 10, 10], [3, 3, 3, 3], 0, 0),
    ],
)
def test_overlaps_known_by_heart(a: list[float], b: list[float], iou: float, covered: float) -> None:
    one, other = np.array([a], np.float32), np.array([b], np.float32)
    assert iou_matrix(one, other)[0, 0] == pytest.approx(iou)
    assert covered_share(one, other)[0, 0] == pytest.approx(covered)


def insightface_nms(boxes: Floats, scores: Floats, threshold: float) -> list[int]:
    """What SCRFD keeps; it is given its boxes best first."""
    scrfd = SCRFD.__new__(SCRFD)
    scrfd.nms_thresh = threshold
    order = np.argsort(-scores, kind="stable")
    return [int(order[kept]) for kept in scrfd.nms(np.column_stack([boxes, scores])[order])]


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.floats(0, 1), st.integers(1, 100))
def test_suppression_keeps_what_insightface_keeps(seed: int, count: int, threshold: float, levels: int) -> None:
    boxes = random_boxes(seed, count, spread=60)
    # Few levels: many faces share one score, and the order among them must be insightface's too.
    scores = np.random.default_rng(seed).integers(0, levels, count).astype(np.float32) / levels

    kept = suppress(boxes, scores, threshold=threshold)

    assert kept.tolist() == insightface_nms(boxes, scores, threshold)
    assert kept.dtype == np.intp


def test_suppression_drops_a_double_and_counts_border_pixels() -> None:
    boxes = np.array([[0, 0, 9, 9], [0, 0, 9, 8], [20, 0, 29, 9]], np.float32)
    scores = np.array([0.6, 0.9, 0.7], np.float32)
    assert suppress(boxes, scores, threshold=0.4).tolist() == [1, 2]
    # 10 x 10 and 10 x 9 pixels share 90 of 100.
    assert suppress(boxes, scores, threshold=0.89).tolist() == [1, 2]
    assert suppress(boxes, scores, threshold=0.9).tolist() == [1, 2, 0]


def random_points(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).uniform(-50, 50, (*shape, 2))


def shift_by(points: Floats, matrix: Floats) -> Floats:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


@given(st.integers(0, 2**32 - 1))
def test_an_exact_similarity_is_found_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle, scale, shift = rng.uniform(-np.pi, np.pi), rng.uniform(0.1, 5), rng.uniform(-100, 100, 2)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    true = np.column_stack([linear, shift])
    points = random_points(seed, 5)
    np.testing.assert_allclose(similarity_transform(points, shift_by(points, true)), true, atol=1e-8)


@given(st.integers(0, 2**32 - 1), st.integers(3, 8))
def test_no_similarity_near_it_fits_better(seed: int, count: int) -> None:
    source, target = random_points(seed, count), random_points(seed + 1, count)
    found = similarity_transform(source, target)

    def error(matrix: Floats) -> float:
        return float(((shift_by(source, matrix) - target) ** 2).sum())

    a, b = found[0, 0], found[1, 0]
    np.testing.assert_allclose(found[:, :2], [[a, -b], [b, a]])
    for step in (1e-3, -1e-3):
        turn, grow = np.array([[0, -step, 0], [step, 0, 0]]), np.array([[step, 0, 0], [0, step, 0]])
        right, down = np.array([[0, 0, step], [0, 0, 0]]), np.array([[0, 0, 0], [0, 0, step]])
        assert error(found) <= min(error(found + change) for change in (turn, grow, right, down))


def faces_of(seed: int, count: int) -> Floats:
    """The ArcFace template turned, scaled, shifted and shaken, as landmarks are."""
    rng = np.random.default_rng(seed)
    faces = []
    for _ in range(count):
        angle, scale = rng.uniform(-np.pi, np.pi), rng.uniform(0.3, 8)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        faces.append(face_align.arcface_dst @ turn.T + rng.uniform(0, 1000, 2) + rng.normal(0, 2 * scale, (5, 2)))
    return np.array(faces)


@pytest.mark.filterwarnings("ignore:.estimate. is deprecated:FutureWarning")
@given(st.integers(0, 2**32 - 1))
def test_faces_are_aligned_as_skimage_and_insightface_align_them(seed: int) -> None:
    (face,) = faces_of(seed, 1)
    target = face_align.arcface_dst.astype(np.float64)
    ours = similarity_transform(face, target)
    theirs = SimilarityTransform.from_estimate(face, target)
    np.testing.assert_allclose(ours, theirs.params[:2], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours, face_align.estimate_norm(face.astype(np.float32)), rtol=1e-4, atol=1e-2)


def test_many_faces_at_once_are_each_alone() -> None:
    faces = faces_of(7, 12).reshape(3, 4, 5, 2)
    together = similarity_transform(faces, face_align.arcface_dst)
    assert together.shape == (3, 4, 2, 3)
    for place in np.ndindex(3, 4):
        np.testing.assert_allclose(together[place], similarity_transform(faces[place], face_align.arcface_dst))


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    mirrored = face_align.arcface_dst * [-1, 1]
    matrix = similarity_transform(mirrored, face_align.arcface_dst)
    assert np.linalg.det(matrix[:, :2]) > 0
    error = np.abs(shift_by(mirrored, matrix) - face_align.arcface_dst).max()
    assert error > 10


def test_points_that_are_all_one_give_finite_numbers() -> None:
    assert np.isfinite(similarity_transform(np.full((5, 2), 3.0), face_align.arcface_dst)).all()
