"""Whoever asks to be removed goes for good, whatever was corrected before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corrections import wall

from rmset_builder.core.errors import RmsetError
from rmset_builder.corrections.correct import drop, merge, swap, undo
from rmset_builder.shards.face_embeddings import keys_of, read_embedded_as_extracted
from rmset_builder.shards.tombstones import Tombstone, add_tombstone
from rmset_builder.takedown.prune import prune_identity, prune_video
from rmset_builder.verify.collection import verify


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    wall.extract(tmp_path / "shards")
    return tmp_path / "shards"


def embedded(shards: Path) -> set[int]:
    faces = read_embedded_as_extracted(shards, "wall")
    assert faces is not None
    return set(keys_of(faces.frame, faces.track).tolist())


def faults(shards: Path) -> list[str]:
    return verify(shards, shards / "none", quick=True, threads=1).faults


def remove(shards: Path, identity: int, why: str) -> None:
    prune_identity(shards, shards / "none", "wall", identity, why, keep_file=False)


def test_a_removed_person_is_in_no_file_any_more(shards: Path) -> None:
    swap(shards, "wall", (0, 2), first=30)
    drop(shards, "wall", 3)
    before, all_embedded = wall.people(shards), embedded(shards)
    remove(shards, 0, "asked")
    assert wall.people(shards) == {place: who - 1 for place, who in before.items() if who != 0}
    # The person has the tile of 0 until frame 29, and that of 2 from then on.
    assert len(all_embedded) - len(embedded(shards)) == 6
    assert faults(shards) == []
    undo(shards, correction=2)
    undo(shards, correction=1)
    left = wall.people(shards)
    # What is left of the two who were exchanged: half of either.
    assert len(left) == len(before) + 50 - 60
    assert sorted(set(left.values())) == list(range(5))
    side = pq.read_table(shards / "identities" / "wall.parquet")
    assert np.linalg.norm(np.stack(side["embedding"].to_numpy()), axis=1).round(5).tolist() == [1] * 5
    assert faults(shards) == []
    remove(shards, 4, "asked too")
    assert len(set(wall.people(shards).values())) == 4
    assert faults(shards) == []


def test_a_removed_video_leaves_nothing_of_its_people(shards: Path) -> None:
    drop(shards, "wall", 3)
    prune_video(shards, shards / "none", "wall", "asked")
    assert not list(shards.glob("*/*.parquet"))
    assert faults(shards) == []
    (shards / "dropped").mkdir(exist_ok=True)
    (shards / "dropped" / "wall.parquet").touch()
    assert [fault for fault in faults(shards) if "was taken down, and is still" in fault]


def test_an_interrupted_removal_comes_first(shards: Path) -> None:
    add_tombstone(shards, Tombstone(video="wall", identity=1, why="asked"))
    before = wall.contents(shards)
    with pytest.raises(RmsetError, match="a removal from wall was interrupted; give the same `rmset prune` again"):
        merge(shards, "wall", [0, 1])
    assert wall.contents(shards) == before
    remove(shards, 1, "asked")
    merge(shards, "wall", [0, 1])
    assert faults(shards) == []


def test_embeddings_of_strangers_are_a_fault(shards: Path) -> None:
    table = pq.read_table(shards / "embeddings" / "wall.parquet")
    moved = table.set_column(1, "frame", pa.array(table["frame"].to_numpy() + 100))
    pq.write_table(moved.cast(table.schema), shards / "embeddings" / "wall.parquet", write_page_checksum=True)
    assert [fault for fault in faults(shards) if f"{len(table)} of its faces are not in the shards" in fault]
