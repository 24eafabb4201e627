from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards import writer
from rmset_builder.shards.layout import ShardFile, find_shards, parse_shard_name, shard_path
from rmset_builder.shards.metadata import ShardMetadata, read_metadata
from rmset_builder.shards.schema import FaceRows, shard_schema, to_batch
from rmset_builder.shards.writer import write_shard, write_shards

# The contract, column by column, as the design has it.
CONTRACT = {
    "video": pa.dictionary(pa.int32(), pa.string()),
    "frame": pa.int32(),
    "identity": pa.int32(),
    "track": pa.int32(),
    "time_s": pa.float64(),
    "bbox": pa.list_(pa.float32(), 4),
    "landmarks": pa.list_(pa.float32(), 10),
    "det_score": pa.float32(),
    "sharpness": pa.float32(),
    "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
}


def face_rows(start: int, stop: int) -> FaceRows:
    """Rows ``start`` .. ``stop - 1`` of a video with three faces in each frame; every number is told by the row's."""
    row = np.arange(start, stop)
    return FaceRows(
        frame=(row // 3).astype(np.int32),
        identity=(row % 3).astype(np.int32),
        track=(row % 3 + 10).astype(np.int32),
        time_s=row // 3 / 29.97,
        bbox=(row[:, None] + np.arange(4) / 4).astype(np.float32),
        landmarks=(row[:, None] + np.arange(10) / 8).astype(np.float32),
        det_score=(1 - row / 1000).astype(np.float32),
        sharpness=(row * 1.5).astype(np.float32),
        images=[b"\xff\xd8" + bytes([r % 251]) * (r % 7) + b"\xff\xd9" for r in row.tolist()],
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows a shard, four a group."""
    monkeypatch.setattr(writer, "ROWS_PER_SHARD", 10)
    monkeypatch.setattr(writer, "ROWS_PER_GROUP", 4)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rows_of(paths: list[Path]) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in paths])


def test_the_schema_is_the_contract(tmp_path: Path) -> None:
    (path,) = write_shards(tmp_path, "v", 5, face_rows, ShardMetadata(group="Anger"))
    stored = pq.read_schema(path)
    assert {name: stored.field(name).type for name in stored.names} == CONTRACT
    assert stored.names == list(CONTRACT), "in this order"
    metadata = {key.decode(): value.decode() for key, value in pq.read_metadata(path).metadata.items()}
    assert metadata["rmset.schema"] == "1"
    assert metadata["rmset.group"] == "Anger"
    assert (metadata["rmset.part"], metadata["rmset.parts"]) == ("0", "1")
    features = json.loads(metadata["huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert list(features) == list(CONTRACT)


def test_every_value_comes_back_as_it_was(tmp_path: Path) -> None:
    (path,) = write_shards(tmp_path, "a_video-1", 7, face_rows, ShardMetadata())
    table, rows = pq.read_table(path), face_rows(0, 7)
    assert table.column("video").to_pylist() == ["a_video-1"] * 7
    for name in ("frame", "identity", "track", "time_s", "det_score", "sharpness"):
        np.testing.assert_array_equal(table.column(name).to_numpy(), getattr(rows, name))
    for name in ("bbox", "landmarks"):
        np.testing.assert_array_equal(np.array(table.column(name).to_pylist(), np.float32), getattr(rows, name))
    assert table.column("image").to_pylist() == [{"bytes": image, "path": None} for image in rows.images]
    assert not any(column.null_count for column in table.drop_columns(["image"]).columns)


def test_a_batch_is_of_the_schema() -> None:
    schema = shard_schema({"a": "b"})
    batch = to_batch("v", face_rows(3, 6), schema)
    batch.validate(full=True)
    assert batch.schema.equals(schema, check_metadata=True)
    assert batch.num_rows == 3
    assert to_batch("v", face_rows(0, 0), schema).num_rows == 0


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("rows", [1, 4, 9, 10, 11, 20, 37])
def test_many_rows_are_parted_in_order(tmp_path: Path, rows: int) -> None:
    asked: list[tuple[int, int]] = []

    def blocks(start: int, stop: int) -> FaceRows:
        asked.append((start, stop))
        return face_rows(start, stop)

    paths = write_shards(tmp_path, "v", rows, blocks, ShardMetadata())

    parts = -(-rows // 10)
    assert paths == [tmp_path / f"v-{part:05d}.parquet" for part in range(parts)]
    assert names(tmp_path) == [path.name for path in paths]
    assert [pq.read_metadata(path).num_rows for path in paths] == [10] * (parts - 1) + [rows - 10 * (parts - 1)]
    whole = rows_of(paths)
    places = list(zip(whole.column("frame").to_pylist(), whole.column("identity").to_pylist(), strict=True))
    assert places == [(row // 3, row % 3) for row in range(rows)]
    assert places == sorted(places)
    assert [stop for _, stop in asked] == [*(start for start, _ in asked[1:]), rows], "each row once, in order"
    assert max(stop - start for start, stop in asked) <= 4, "never much in memory"
    for part, path in enumerate(paths):
        footer = pq.read_metadata(path)
        assert all(footer.row_group(k).num_rows == 4 for k in range(footer.num_row_groups - 1))
        assert footer.metadata[b"rmset.part"] == str(part).encode()
        assert footer.metadata[b"rmset.parts"] == str(parts).encode()


def test_the_usual_sizes_are_small_groups_and_large_shards() -> None:
    assert writer.ROWS_PER_GROUP == 256
    assert writer.ROWS_PER_SHARD % writer.ROWS_PER_GROUP == 0


def test_one_picture_costs_one_small_read(tmp_path: Path) -> None:
    (path,) = write_shards(tmp_path, "v", 600, face_rows, ShardMetadata())
    footer = pq.read_metadata(path)
    assert [footer.row_group(k).num_rows for k in range(3)] == [256, 256, 88]
    columns = {footer.row_group(0).column(k).path_in_schema: footer.row_group(0).column(k) for k in range(30 // 3 + 1)}
    picture = columns["image.bytes"]
    assert picture.compression == "UNCOMPRESSED"
    assert not any("DICTIONARY" in encoding for encoding in picture.encodings)
    assert columns["frame"].compression == "ZSTD"
    assert columns["video"].has_dictionary_page
    assert picture.has_offset_index


def test_a_video_without_faces_has_one_empty_shard(tmp_path: Path) -> None:
    def never(start: int, stop: int) -> FaceRows:
        raise AssertionError((start, stop))

    (path,) = write_shards(tmp_path, "v", 0, never, ShardMetadata(frames=9))
    assert path.name == "v-00000.parquet"
    assert pq.read_table(path).num_rows == 0
    assert pq.read_schema(path).field("image").type == CONTRACT["image"]
    assert read_metadata(path)[0] == 0


@pytest.mark.usefixtures("small")
def test_parts_of_an_earlier_longer_version_are_removed(tmp_path: Path) -> None:
    for video in ("v", "v-2", "v2", "v-00001"):
        write_shards(tmp_path, video, 35, face_rows, ShardMetadata())
    (tmp_path / "v-00003.parquet.bak").write_bytes(b"mine")
    write_shards(tmp_path, "v", 12, face_rows, ShardMetadata())
    left = {shard.path.name for shard in find_shards(tmp_path) if shard.video == "v"}
    assert left == {"v-00000.parquet", "v-00001.parquet"}
    for video in ("v-2", "v2", "v-00001"):
        assert [shard.part for shard in find_shards(tmp_path) if shard.video == video] == [0, 1, 2, 3]
    assert (tmp_path / "v-00003.parquet.bak").exists()


def failing_at(row: int) -> Callable[[int, int], FaceRows]:
    def blocks(start: int, stop: int) -> FaceRows:
        if start <= row < stop:
            raise OSError("the spool is gone")
        return face_rows(start, stop)

    return blocks


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("row", [0, 5, 10, 25, 34])
def test_a_failure_leaves_nothing_half_written(tmp_path: Path, row: int) -> None:
    with pytest.raises(OSError, match="the spool is gone"):
        write_shards(tmp_path, "v", 35, failing_at(row), ShardMetadata())
    assert names(tmp_path) == []


@pytest.mark.usefixtures("small")
def test_a_failure_leaves_the_earlier_version_as_it_was(tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in write_shards(tmp_path, "v", 45, face_rows, ShardMetadata())}
    with pytest.raises(OSError, match="the spool is gone"):
        write_shards(tmp_path, "v", 35, failing_at(34), ShardMetadata())
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_no_name_is_given_before_every_part_is_whole(tmp_path: Path) -> None:
    """A process that is killed half-way leaves no file that a reader would take for a shard."""
    program = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import test_shards as t
t.writer.ROWS_PER_SHARD, t.writer.ROWS_PER_GROUP = 10, 4
def blocks(start, stop):
    if start >= 30:
        os._exit(9)
    return t.face_rows(start, stop)
t.write_shards(Path({str(tmp_path)!r}), "v", 35, blocks, t.ShardMetadata())
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert find_shards(tmp_path) == []
    assert names(tmp_path)
    assert all(name.startswith(".") and name.endswith(".tmp") for name in names(tmp_path))
    write_shards(tmp_path, "v", 35, face_rows, ShardMetadata())
    assert rows_of([shard.path for shard in find_shards(tmp_path)]).num_rows == 35


@pytest.mark.usefixtures("small")
def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    metadata = ShardMetadata(video="v", settings='{"a":1}')
    one, two = (write_shards(tmp_path / name, "v", 35, face_rows, metadata) for name in "ab")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    again = write_shards(tmp_path / "a", "v", 35, face_rows, metadata)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in two]


def test_one_shard_of_given_blocks(tmp_path: Path) -> None:
    path = shard_path(tmp_path / "new", "v", 3)
    write_shard(path, "v", iter([face_rows(0, 3), face_rows(3, 5)]), ShardMetadata(others={"rmset.k": "v"}))
    assert pq.read_table(path).column("frame").to_pylist() == [0, 0, 0, 1, 1]
    with pytest.raises(ZeroDivisionError):
        write_shard(path, "v", (face_rows(0, 1 // zero) for zero in [0]), ShardMetadata())
    assert pq.read_metadata(path).num_rows == 5


@given(st.from_regex(r"\A[A-Za-z0-9_-]{1,20}\Z"), st.integers(0, 99_999))
def test_a_shards_name_tells_video_and_part(video: str, part: int) -> None:
    path = shard_path(Path("x"), video, part)
    assert parse_shard_name(path) == ShardFile(video, part, path)


@pytest.mark.parametrize(
    "name",
    [
        "videos.parquet",
        "v-0000.parquet",
        "v-000000.parquet.tmp",
        ".v-00000.parquet",
        ".v-00000.parquet.77.tmp",
        "v 1-00000.parquet",
        "-00000.parquet",
        "v-00000.PARQUET",
        "vidéo-00000.parquet",
        "v-0000٣.parquet",
        "v-00000.parquet\n",
    ],
)
def test_other_names_are_no_shards(name: str) -> None:
    assert parse_shard_name(Path(name)) is None


def test_shards_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b-00001", "a-00000", "b-00000", "a-1-00000", "videos", "c-1"):
        (tmp_path / f"{name}.parquet").touch()
    (tmp_path / "identities").mkdir()
    found = [(shard.video, shard.part) for shard in find_shards(tmp_path)]
    assert found == [("a", 0), ("a-1", 0), ("b", 0), ("b", 1)]
    with pytest.raises(RmsetError, match=r"no folder of shards at .*nowhere; make one with: rmset extract VIDEO"):
        find_shards(tmp_path / "nowhere")


def test_a_footer_tells_rows_and_metadata(tmp_path: Path) -> None:
    (path,) = write_shards(tmp_path, "v", 8, face_rows, ShardMetadata(group="Überraschung"))
    rows, metadata = read_metadata(path)
    assert rows == 8
    assert metadata.group == "Überraschung"
    assert metadata.schema == 1


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_torn_shard_is_named_with_its_mend(tmp_path: Path, keep: int) -> None:
    (path,) = write_shards(tmp_path, "v", 8, face_rows, ShardMetadata())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RmsetError, match=r"v-00000.parquet is not a whole Parquet file \(.+\); delete it and run"):
        read_metadata(path)


@pytest.mark.parametrize(("metadata", "told"), [({"rmset.schema": "2"}, "2"), (None, "none")])
def test_a_shard_of_another_version_is_refused(tmp_path: Path, metadata: dict[str, str] | None, told: str) -> None:
    path = tmp_path / "v-00000.parquet"
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(metadata), path)
    with pytest.raises(RmsetError, match=f"has rmset.schema {told}, this program reads 1"):
        read_metadata(path)


def test_a_missing_shard_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(RmsetError) as caught:
        read_metadata(tmp_path / "v-00000.parquet")
    assert "\n" not in str(caught.value)
