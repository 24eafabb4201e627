from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from insightface.model_zoo.arcface_onnx import ArcFaceONNX
from insightface.utils import face_align

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.geometry import Array
from rmset_builder.demo.compose import find_photo
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.identity.embedder import Embedder, Image, faces_worth_embedding
from rmset_builder.inference.session import Device, open_session
from rmset_builder.pipeline.model_pack import load_pack

# insightface calls what skimage has given another name.
pytestmark = pytest.mark.filterwarnings("ignore:.estimate. is deprecated:FutureWarning")


@pytest.fixture(scope="module")
def crops() -> list[Image]:
    """The six people of insightface's photo, as ArcFace wants them."""
    photo = cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB)
    size = InputSize(640, 448)
    detector = Scrfd(load_pack().detector, size=size, batch=1, device=Device(), threshold=0.5)
    (faces,) = detector.detect([np.asarray(photo, np.uint8)])
    found = [np.asarray(face_align.norm_crop(photo, points.reshape(5, 2))) for points in faces.landmarks]
    assert len(found) == 6
    return found


@pytest.fixture(scope="module")
def arcface() -> ArcFaceONNX:
    path = str(load_pack().recogniser)
    return ArcFaceONNX(model_file=path, session=open_session(path, Device()))


@pytest.fixture(scope="module")
def reference(arcface: ArcFaceONNX, crops: list[Image]) -> Array:
    return np.concatenate([arcface.get_feat(np.ascontiguousarray(crop[..., ::-1])) for crop in crops])


def embedder(batch: int) -> Embedder:
    return Embedder(load_pack().recogniser, batch=batch, device=Device())


def cosines(a: Array, b: Array) -> Array:
    a, b = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (a, b))
    return np.asarray(a @ b.T)


@pytest.mark.parametrize("batch", [1, 2, 4, 6, 8])
def test_embeddings_are_insightfaces_whatever_the_batch(crops: list[Image], reference: Array, batch: int) -> None:
    found = embedder(batch).embed(crops)
    assert found.shape == reference.shape == (6, 512)
    assert found.dtype == np.float32
    assert (np.diag(cosines(found, reference)) > 0.9999).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(reference, axis=1), rtol=1e-3)


def test_neighbours_in_a_batch_make_no_difference(crops: list[Image]) -> None:
    four = embedder(4)
    alone = four.embed(crops[:1])
    black, noise = np.zeros_like(crops[0]), np.random.default_rng(0).integers(0, 256, crops[0].shape, np.uint8)
    np.testing.assert_allclose(four.embed([noise, crops[0], black])[1], alone[0], rtol=1e-3, atol=1e-3)


def test_no_faces_give_no_embeddings() -> None:
    assert len(embedder(4).embed([])) == 0


def test_red_and_blue_are_not_swapped(crops: list[Image], arcface: ArcFaceONNX) -> None:
    tinted = crops[0].copy()
    tinted[..., 2] //= 4
    found = embedder(1).embed([tinted])
    bgr = np.ascontiguousarray(tinted[..., ::-1])
    assert cosines(found, arcface.get_feat(bgr))[0, 0] > 0.9999
    assert cosines(found, arcface.get_feat(tinted))[0, 0] < 0.999


def test_six_people_are_not_alike_and_their_mirror_images_are_themselves(crops: list[Image]) -> None:
    six = embedder(6)
    people = six.embed(crops)
    mirrored = six.embed([np.ascontiguousarray(crop[:, ::-1]) for crop in crops])
    others = ~np.eye(6, dtype=bool)
    assert cosines(people, people)[others].max() < 0.4
    assert np.diag(cosines(people, mirrored)).min() > 0.7


def test_a_model_with_many_outputs_is_refused() -> None:
    with pytest.raises(RmsetError, match="is not a face recogniser with one input and one output"):
        Embedder(load_pack().detector, batch=1, device=Device())


@given(st.integers(0, 2**32 - 1), st.integers(1, 100), st.integers(1, 20))
def test_each_stretch_of_a_track_sends_its_best_face(seed: int, length: int, most: int) -> None:
    values = np.random.default_rng(seed).integers(0, 50, length).astype(np.float32)
    chosen = faces_worth_embedding(values, most=most)
    count = len(chosen)
    assert 1 <= count <= min(most, length)
    assert (np.diff(chosen) > 0).all()
    assert values[chosen].max() == values.max()
    # The stretches: as equal as may be, in order, one face of each, and no better one in it.
    lengths = [length // count + (number < length % count) for number in range(count)]
    for first, own, index in zip(np.cumsum([0, *lengths]), lengths, chosen, strict=False):
        assert first <= index < first + own
        assert values[index] == values[first : first + own].max()


@pytest.mark.parametrize("most", [1, 3, 12])
def test_a_long_track_sends_as_many_as_it_may_and_a_glimpse_one(most: int) -> None:
    rng = np.random.default_rng(0)
    assert len(faces_worth_embedding(rng.random(500), most=most)) == most
    assert len(faces_worth_embedding(rng.random(5), most=most)) == 1


def test_chosen_faces_known_by_heart() -> None:
    worth = np.arange(30.0)
    worth[[4, 12, 25]] = 99
    assert faces_worth_embedding(worth, most=3).tolist() == [4, 12, 25]
    assert faces_worth_embedding(worth, most=1).tolist() == [4], "of equals the first"
    assert faces_worth_embedding(np.array([5.0]), most=3).tolist() == [0]
