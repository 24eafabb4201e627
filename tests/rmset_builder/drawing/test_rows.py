from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.drawing.rows import faces_by_frame, in_step
from rmset_builder.shards import writer
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.writer import write_shards

# Two, three, none, and one face a frame, over and over.
COUNTS = [2, 3, 0, 1] * 9


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Shards of seven rows each, so that frames go on in the next one."""
    monkeypatch.setattr(writer, "ROWS_PER_SHARD", 7)
    frame = np.repeat(np.arange(len(COUNTS), dtype=np.int32), COUNTS)
    number = np.arange(len(frame), dtype=np.float32)

    def block(start: int, stop: int) -> FaceRows:
        own = slice(start, stop)
        return FaceRows(
            frame=frame[own],
            identity=number[own].astype(np.int32),
            track=np.zeros(stop - start, np.int32),
            time_s=frame[own] / 25.0,
            bbox=np.repeat(number[own, None], 4, axis=1),
            landmarks=number[own, None] + np.arange(10, dtype=np.float32),
            det_score=np.ones(stop - start, np.float32),
            sharpness=np.ones(stop - start, np.float32),
            images=[b"no picture is read"] * (stop - start),
        )

    write_shards(tmp_path, "wall", len(frame), block, ShardMetadata())
    assert len(find_shards(tmp_path)) == 8
    return tmp_path


def test_every_frame_has_its_faces_wherever_a_shard_ends(shards: Path) -> None:
    told = list(in_step(faces_by_frame(find_shards(shards)), range(len(COUNTS))))
    assert [len(faces.identity) for faces in told] == COUNTS
    assert [faces.frame for faces in told] == list(range(len(COUNTS)))
    assert np.concatenate([faces.identity for faces in told]).tolist() == list(range(sum(COUNTS)))
    last = told[-1]
    assert last.boxes.tolist() == [[sum(COUNTS) - 1] * 4]
    assert (last.landmarks[0] - last.boxes[0, 0]).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_some_frames_alone(shards: Path) -> None:
    found = find_shards(shards)
    assert [len(faces.identity) for faces in in_step(faces_by_frame(found), [1, 2, 9, 99])] == [3, 0, 3, 0]
    assert [faces.frame for faces in in_step(iter(()), [4])] == [4]
    assert list(faces_by_frame([])) == []


def test_damage_is_told(shards: Path) -> None:
    shard = find_shards(shards)[3]
    data = bytearray(shard.path.read_bytes())
    data[4:-2000] = bytes(len(data) - 2004)
    shard.path.write_bytes(data)
    with pytest.raises(RmsetError, match=r"wall-00003\.parquet cannot be read \(video wall, .*extract it again"):
        list(faces_by_frame(find_shards(shards)))
