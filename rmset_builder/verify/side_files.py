"""Checks of what lies beside the shards: embeddings, faces that were left out, and whether corrections were made."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from rmset_builder.core.errors import RmsetError
from rmset_builder.corrections.faces import read_faces
from rmset_builder.corrections.ledger import LEDGER_NAME, Entry, read_ledger
from rmset_builder.corrections.state import lagging
from rmset_builder.shards.checked_parquet import read_checked
from rmset_builder.shards.damage import describe, look_at_pages
from rmset_builder.shards.face_embeddings import keys_of, read_embedded_as_extracted
from rmset_builder.shards.layout import (
    DROPPED_FOLDER,
    EMBEDDINGS_FOLDER,
    IDENTITIES_FOLDER,
    ShardFile,
    dropped_path,
    embeddings_path,
    identities_path,
)
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.videos_table import VideoRecord, extract_again
from rmset_builder.verify.verified import Verified

_FOLDERS = (IDENTITIES_FOLDER, EMBEDDINGS_FOLDER, DROPPED_FOLDER)


def videos_beside(shards: Path) -> set[str]:
    """The videos that have a file beside the shards."""
    return {path.stem for folder in _FOLDERS for path in (shards / folder).glob("[!.]*.parquet")}


def check_side_files(shards: Path, records: Mapping[str, VideoRecord], own: list[ShardFile], found: Verified) -> None:
    """Are identities, embeddings and faces left out whole, and of the video as it is?"""
    bare = 0
    for video in sorted({shard.video for shard in own}):
        record = records.get(video)
        again = extract_again(shards, record)
        path = identities_path(shards, video)
        whole = {}
        for one in (path, embeddings_path(shards, video), dropped_path(shards, video)):
            whole[one] = one.exists() and not (fault := _damage(one, video))
            if one.exists() and not whole[one]:
                found.faults.append(f"{one}: {fault}; {again}")
        if not path.exists():
            found.faults.append(f"{path}: missing; {again}")
        if whole[path]:
            bare += not look_at_pages(path).checksums
            found.faults += [f"{path}: {fault}; {again}" for fault in _unlike(path, record)]
        if whole[embeddings_path(shards, video)] and (fault := _strangers(shards, video)):
            found.faults.append(f"{embeddings_path(shards, video)}: {fault}; {again}")
    if bare:
        what = f"{bare:,} files were written without checksums, by an older version"
        found.notes.append(f"{shards / IDENTITIES_FOLDER}: {what}; a flipped bit in them would not be seen")


def check_corrections(shards: Path, own: list[ShardFile], found: Verified) -> None:
    """Are the shards corrected as it was noted?"""
    try:
        entries = read_ledger(shards)
    except RmsetError as error:
        found.faults.append(str(error))
        return
    for shard in own:
        if _lags(shards, shard, entries):
            what = f"{shard.video}: its shards are not corrected as {LEDGER_NAME} says; finish with: rmset corrections"
            found.faults.append(f"{what} {shlex.quote(str(shards))}")


def _lags(shards: Path, shard: ShardFile, entries: list[Entry]) -> bool:
    try:
        return lagging(shards, shard.video, read_metadata(shard.path)[1].corrections, entries)
    except RmsetError:  # which is told of the shard itself
        return False


def _damage(path: Path, video: str) -> str:
    """What is wrong with a file in itself; empty if nothing."""
    try:
        if damages := look_at_pages(path).damages:
            return f"video {video}, {next(describe(path, damages))}"
        read_checked(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        return f"not whole ({str(error).splitlines()[0]})"
    return ""


def _unlike(path: Path, record: VideoRecord | None) -> Iterator[str]:
    table = read_checked(path, ["identity", "faces"])
    numbers, faces = table["identity"].to_pylist(), sum(table["faces"].to_pylist())
    if numbers != list(range(len(numbers))):
        yield "identities with gaps"
    if record is not None and (len(numbers), faces) != (record.identities, record.faces):
        what = f"{len(numbers):,} identities with {faces:,} faces"
        yield f"{what}, videos.parquet has {record.identities:,} with {record.faces:,}"


def _strangers(shards: Path, video: str) -> str:
    """Whether faces were embedded that the video has not, such as those of somebody who was taken out."""
    try:
        faces, embedded = read_faces(shards, video), read_embedded_as_extracted(shards, video)
    except RmsetError:  # which is told of the shard itself
        return ""
    if faces is None or embedded is None:
        return ""
    known = np.isin(keys_of(embedded.frame, embedded.track), keys_of(faces.frame, faces.track))
    return "" if known.all() else f"{int((~known).sum()):,} of its faces are not in the shards"
