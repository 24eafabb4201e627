from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from rmset_builder.identity.means import EmbeddedFaces, mean_embeddings
from rmset_builder.shards.as_extracted import AsExtracted
from rmset_builder.shards.face_embeddings import read_embedded_as_extracted, read_face_embeddings, write_face_embeddings
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.writer import write_shards


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_a_mean_is_that_of_tracks_and_not_of_faces() -> None:
    rng = np.random.default_rng(3)
    track = np.array([0, 0, 0, 1, 2, 2], np.int32)
    identity = np.array([1, 1, 1, 0, 1, 1], np.int32)
    vectors = rng.normal(size=(6, 8)).astype(np.float32)
    found = mean_embeddings(EmbeddedFaces(np.arange(6, dtype=np.int32), track, vectors), identity, 3)
    exact = vectors.astype(np.float64)
    one = unit(unit(exact[:3].sum(axis=0)) + unit(exact[4:].sum(axis=0)))
    np.testing.assert_allclose(found, [unit(exact[3]), one, np.zeros(8)], atol=1e-6)


def test_parts_of_a_track_count_by_themselves_where_it_was_cut() -> None:
    vectors = np.eye(3, dtype=np.float32)
    faces = EmbeddedFaces(np.array([0, 5, 9], np.int32), np.zeros(3, np.int32), vectors)
    found = mean_embeddings(faces, np.array([0, 1, 1], np.int32), 2)
    np.testing.assert_allclose(found, [[1, 0, 0], [0, 0.5**0.5, 0.5**0.5]], atol=1e-6)


def test_the_means_of_a_real_video_are_those_of_its_embedded_faces(demo_shards: Path) -> None:
    faces = read_face_embeddings(demo_shards, "demo")
    assert faces is not None
    rows = pq.read_table(demo_shards / "demo-00000.parquet", columns=["frame", "identity", "track"])
    whose = dict(zip(rows["track"].to_pylist(), rows["identity"].to_pylist(), strict=True))
    assert set(faces.track.tolist()) == whose.keys(), "every track has one"
    seen = set(zip(rows["frame"].to_pylist(), rows["track"].to_pylist(), strict=True))
    assert set(zip(faces.frame.tolist(), faces.track.tolist(), strict=True)) <= seen
    identity = np.array([whose[one] for one in faces.track.tolist()], np.int32)
    stored = np.stack(pq.read_table(demo_shards / "identities" / "demo.parquet")["embedding"].to_numpy())
    assert mean_embeddings(faces, identity, len(stored)).tobytes() == stored.astype(np.float32).tobytes()


def test_faces_are_told_by_the_tracks_that_shards_have_now(tmp_path: Path) -> None:
    """Track 0 was cut at frame 2 into 0 and 1; track 1 is 2 now; track 2 was taken out."""
    frame = np.array([0, 0, 1, 1, 2, 2, 3, 3], np.int32)
    track = np.array([0, 2, 0, 2, 1, 2, 1, 2], np.int32)

    def block(start: int, stop: int) -> FaceRows:
        part = slice(start, stop)
        zeros = np.zeros(stop - start, np.float32)
        wide = np.zeros((stop - start, 10), np.float32)
        return FaceRows(
            frame=frame[part], identity=track[part], track=track[part], time_s=frame[part] / 25.0,
            bbox=wide[:, :4], landmarks=wide, det_score=zeros, sharpness=zeros, images=[b"jpeg"] * (stop - start),
        )  # fmt: skip

    known = AsExtracted(np.array([0, 0, 1], np.int32), np.array([0, 0, 1], np.int32))
    write_shards(tmp_path, "v", 8, block, ShardMetadata(video="v", extracted_as=known.to_text()))
    stored = EmbeddedFaces(
        np.array([0, 3, 1, 2], np.int32), np.array([0, 0, 1, 2], np.int32), np.eye(4, dtype=np.float32)
    )
    write_face_embeddings(tmp_path, "v", stored)
    before, now = read_embedded_as_extracted(tmp_path, "v"), read_face_embeddings(tmp_path, "v")
    assert before is not None
    assert now is not None
    assert before.track.tolist() == [0, 0, 1, 2]
    assert (now.frame.tolist(), now.track.tolist()) == ([0, 3, 1], [0, 1, 2])
    assert now.embedding.tolist() == np.eye(4)[:3].tolist()


def test_shards_of_older_versions_have_none(tmp_path: Path) -> None:
    assert read_face_embeddings(tmp_path, "v") is None
