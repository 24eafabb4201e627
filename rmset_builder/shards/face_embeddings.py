"""The narrow side files beside a video's shards: embeddings of some faces of each track, and each identity's mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rmset_builder.core.files import whole_file
from rmset_builder.identity.means import EmbeddedFaces, no_embedded_faces
from rmset_builder.shards.arrow_arrays import numbers, texts, values_of, vectors
from rmset_builder.shards.as_extracted import extracted_numbers
from rmset_builder.shards.checked_parquet import read_checked, write_checked
from rmset_builder.shards.layout import embeddings_path, find_shards, identities_path
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.reader import read_columns
from rmset_builder.shards.schema import Float32s


def write_identities(
    shards: Path, video: str, embedding: Float32s, faces: npt.NDArray[np.integer], *, pruned: int | None = None
) -> None:
    """One row per identity: its mean embedding (identities, d) and how many faces it has (identities,).

    ``pruned`` people were taken out before: as in a shard's metadata.
    """
    count = len(embedding)
    table = pa.table(
        {
            "video": texts([video] * count),
            "identity": numbers(np.arange(count, dtype=np.int32)),
            "faces": numbers(faces.astype(np.int64)),
            "embedding": vectors(embedding.astype(np.float32, copy=False), embedding.shape[1] if count else 0),
        }
    )
    if pruned is not None:
        table = table.replace_schema_metadata(ShardMetadata(schema=None, pruned=pruned).to_strings())
    with whole_file(identities_path(shards, video)) as temporary:
        write_checked(table, temporary)


def read_means(shards: Path, video: str) -> Float32s:
    """The mean embedding of each identity, (identities, d).

    Raises:
        OSError: the file is missing or damaged; so does pyarrow.ArrowException.
    """
    table = read_checked(identities_path(shards, video), ["embedding"])
    flat = values_of(table["embedding"].combine_chunks().flatten())
    return np.asarray(flat, np.float32).reshape(len(table), -1) if len(table) else np.empty((0, 0), np.float32)


def write_face_embeddings(shards: Path, video: str, faces: EmbeddedFaces) -> None:
    """One row per embedded face, by frame and by the track as it was extracted, which corrections leave alone."""
    table = pa.table(
        {
            "video": texts([video] * len(faces)),
            "frame": numbers(faces.frame),
            "track": numbers(faces.track),
            "embedding": vectors(faces.embedding.astype(np.float32, copy=False), max(1, faces.embedding.shape[1])),
        }
    )
    with whole_file(embeddings_path(shards, video)) as temporary:
        write_checked(table, temporary)


def read_embedded_as_extracted(shards: Path, video: str) -> EmbeddedFaces | None:
    """The embedded faces by the tracks that were extracted; None where there is no file of them.

    Raises:
        OSError: the file is damaged; so does pyarrow.ArrowException.
    """
    try:
        table = read_checked(embeddings_path(shards, video), ["frame", "track", "embedding"])
    except FileNotFoundError:
        return None
    if not len(table):
        return no_embedded_faces()
    vectors = table["embedding"].combine_chunks()
    embedding = values_of(vectors.flatten()).reshape(len(table), -1)
    frame, track = (values_of(table[name]) for name in ("frame", "track"))
    return EmbeddedFaces(frame, track, embedding)


def read_face_embeddings(shards: Path, video: str) -> EmbeddedFaces | None:
    """The embedded faces of a video by the tracks that its shards have now; None where there is no file of them.

    Those of people who were taken out by a correction are left out.

    Raises:
        RmsetError: a shard cannot be read.
        OSError: a file is damaged; so does pyarrow.ArrowException.
    """
    faces = read_embedded_as_extracted(shards, video)
    if faces is None:
        return None
    now, keys = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    for shard in find_shards(shards):
        if shard.video == video:
            frame, identity, track = read_columns(shard.path, "frame", "identity", "track")
            keys.append(keys_of(frame, extracted_numbers(shard, identity, track)[1]))
            now.append(track)
    present, track = np.concatenate(keys), np.concatenate(now)
    _, there, row = np.intersect1d(keys_of(faces.frame, faces.track), present, return_indices=True)
    found = faces.taken(there)
    numbered = EmbeddedFaces(found.frame, track[row], found.embedding)
    return numbered.taken(np.lexsort((numbered.frame, numbered.track)))


def keys_of(frame: npt.NDArray[np.int32], track: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """One number for each frame and track (n,): no two faces of a video have the same."""
    return frame.astype(np.int64) << 32 | track
