"""People taken out of a video's shards, mean embeddings and row in the table: what has tombstones is applied to each.

How many were taken out of a file stands in its metadata, so that a removal that was interrupted goes on where it was.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rmset_builder.core.files import whole_file
from rmset_builder.fetching.catalog import PRUNED
from rmset_builder.shards.arrow_arrays import numbers, values_of
from rmset_builder.shards.as_extracted import extracted_numbers
from rmset_builder.shards.checked_parquet import read_checked, write_checked
from rmset_builder.shards.face_embeddings import keys_of, read_embedded_as_extracted, write_face_embeddings
from rmset_builder.shards.layout import ShardFile, dropped_path, identities_path
from rmset_builder.shards.metadata import ShardMetadata, read_metadata
from rmset_builder.shards.reader import read_columns, without_identity
from rmset_builder.shards.schema import Int32s
from rmset_builder.shards.tombstones import Tombstone, people_removed
from rmset_builder.shards.videos_table import VideoRecord, update_videos
from rmset_builder.shards.writer import write_shard


def times_pruned(shard: ShardFile) -> int:
    """How many people were taken out of a shard."""
    return read_metadata(shard.path)[1].pruned or 0


def interrupted(shards: Path, own: list[ShardFile], tombstones: list[Tombstone]) -> bool:
    """Whether the shards of one video still hold a person who has a tombstone."""
    wanted = people_removed(tombstones)
    return any(times_pruned(shard) < wanted[shard.video] for shard in own)


def take_out(
    shards: Path, video: str, own: list[ShardFile], stones: list[Tombstone], record: VideoRecord | None
) -> None:
    """Apply the tombstones that were not applied yet; the table first, the shards last, each file as a whole."""
    pairs = [_left(shard, stones[times_pruned(shard) :]) for shard in own]
    track, keys = (np.concatenate(each) for each in zip(*pairs, strict=True))
    metadata = [read_metadata(shard.path)[1] for shard in own]
    # The largest number among the parts is the one before this removal, where some parts are done and some not.
    most = max((one.identities or 0) + (one.pruned or 0) for one in metadata)
    left = most - len(stones)
    if record is not None:
        dropped = json.loads(record.dropped_json)
        gone = record.faces - len(track)
        dropped.setdefault("faces", {})[PRUNED] = dropped.get("faces", {}).get(PRUNED, 0) + gone
        dropped.setdefault("identities", {})[PRUNED] = len(stones)
        changed = replace(
            record, identities=left, faces=len(track), tracks=len(np.unique(track)),
            dropped_json=json.dumps(dropped, sort_keys=True),
        )  # fmt: skip
        update_videos(shards, changed)
    _shorten_embeddings(shards, video, keys)
    _shorten_identities(identities_path(shards, video), stones)
    for shard in own:
        for number in range(times_pruned(shard), len(stones)):
            person = stones[number].identity
            if person is None:
                continue
            _, told = read_metadata(shard.path)
            told = replace(told, identities=most - number - 1, pruned=number + 1)
            write_shard(shard.path, video, without_identity(shard.path, person), told)


def _left(shard: ShardFile, stones: list[Tombstone]) -> tuple[Int32s, npt.NDArray[np.int64]]:
    """Of the rows that a shard will have once ``stones`` are applied: their tracks, and `keys_of` as extracted."""
    frame, identity, track = read_columns(shard.path, "frame", "identity", "track")
    keys = keys_of(frame, extracted_numbers(shard, identity, track)[1])
    for stone in stones:
        if stone.identity is not None:
            keep = identity != stone.identity
            identity, track, keys = identity[keep], track[keep], keys[keep]
            identity = identity - (identity > stone.identity)
    return track, keys


def _shorten_embeddings(shards: Path, video: str, keys: npt.NDArray[np.int64]) -> None:
    """Keep those of the faces that stay, and of those that a correction left out and may bring back."""
    embedded = read_embedded_as_extracted(shards, video)
    if embedded is None:
        return
    aside = dropped_path(shards, video)
    if aside.exists():
        keys = np.concatenate([keys, keys_of(*read_columns(aside, "frame", "track"))])
    stays = np.flatnonzero(np.isin(keys_of(embedded.frame, embedded.track), keys))
    if len(stays) < len(embedded):
        write_face_embeddings(shards, video, embedded.taken(stays))


def _shorten_identities(path: Path, stones: list[Tombstone]) -> None:
    """Take people out of the side file of mean embeddings; how many were taken out stands in its metadata."""
    if not path.exists():
        return
    table = read_checked(path)
    done = ShardMetadata.from_footer(table.schema.metadata).pruned or 0
    if done == len(stones):
        return
    for stone in stones[done:]:
        table = table.filter(numbers(values_of(table["identity"]) != stone.identity))
        table = table.set_column(1, "identity", numbers(np.arange(len(table), dtype=np.int32)))
    table = table.replace_schema_metadata(ShardMetadata(schema=None, pruned=len(stones)).to_strings())
    with whole_file(path) as temporary:
        write_checked(table, temporary)
