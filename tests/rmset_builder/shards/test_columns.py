"""A column is said once: everything that is made from it, and what one more column takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_shards import face_rows

from rmset_builder.shards.columns import Stored, columns_of, table_of
from rmset_builder.shards.docs_table import PAGE, with_table
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.reader import read_batches, read_blocks, read_columns, read_images
from rmset_builder.shards.schema import COLUMNS, FaceRows, contract, from_batch, joined, shard_schema, taken
from rmset_builder.shards.writer import write_shard

Angles = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class PosedRows(FaceRows):
    """The contract with two columns more: nothing but their two lines tells of them."""

    pose: Annotated[Angles, Stored("yaw, pitch, roll, degrees", width=3, since=2)]
    seen: Annotated[Counts, Stored("frames since the track began", name="frames_seen", since=2)]


def posed(start: int, stop: int) -> PosedRows:
    row = np.arange(start, stop)
    angles = (row[:, None] - np.arange(3) / 2).astype(np.float32)
    return PosedRows(**vars(face_rows(start, stop)), pose=angles, seen=row * 10)


def assert_same(one: FaceRows, other: FaceRows) -> None:
    assert type(one) is type(other)
    for name, values in vars(one).items():
        theirs = getattr(other, name)
        np.testing.assert_array_equal(values, theirs)
        if isinstance(values, np.ndarray):
            assert (values.dtype, values.shape) == (theirs.dtype, theirs.shape), name


def test_a_new_column_is_written_and_read_back_by_its_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "v-00000.parquet"
    write_shard(path, "v", [posed(0, 256), posed(256, 300)], ShardMetadata(video="v"), PosedRows)
    blocks = [from_batch(batch, PosedRows) for batch in read_batches(path)]
    assert [len(block) for block in blocks] == [256, 44]
    assert_same(joined(blocks), posed(0, 300))
    schema = pq.read_schema(path)
    assert schema.names == [*COLUMNS, "pose", "frames_seen"]
    assert schema.field("pose").type == pa.list_(pa.float32(), 3)
    assert schema.field("frames_seen").type == pa.int64()
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["pose"] == {"feature": {"dtype": "float32", "_type": "Value"}, "length": 3, "_type": "Sequence"}
    assert features["frames_seen"] == {"dtype": "int64", "_type": "Value"}
    # Whoever knows nothing of the new columns reads the others as ever.
    assert_same(joined(list(read_blocks(path))), face_rows(0, 300))
    footer = pq.read_metadata(path).row_group(0)
    told = {footer.column(number).path_in_schema: footer.column(number) for number in range(footer.num_columns)}
    assert told["frames_seen"].compression == "ZSTD"
    assert told["pose.list.element"].statistics.max == 255


def test_a_new_column_is_in_the_documentations_table_with_its_version() -> None:
    lines = table_of(contract(PosedRows).values()).splitlines()
    assert lines[:-2] == table_of(COLUMNS.values()).splitlines()
    assert lines[-2:] == [
        r"| pose | fixed_size_list\<float32, 3\> | yaw, pitch, roll, degrees (since schema 2) |",
        "| frames_seen | int64 | frames since the track began (since schema 2) |",
    ]


def test_the_documentation_has_the_columns_as_they_are() -> None:
    page = PAGE.read_text("utf-8")
    assert with_table(page) == page, (
        f"the table of columns in docs/{PAGE.name} is not what rmset_builder/shards/schema.py says: "
        "run `python -m rmset_builder.shards.docs_table`"
    )


def test_an_old_table_is_replaced_and_nothing_else() -> None:
    page = PAGE.read_text("utf-8")
    line = next(line for line in page.splitlines(keepends=True) if line.startswith("| sharpness |"))
    assert with_table(page.replace(line, "")) == page
    assert with_table(page.replace("Laplacian", "nothing")) == page
    with pytest.raises(ValueError, match="no table of columns"):
        with_table("# A page")


def test_features_are_those_that_datasets_reads() -> None:
    features = json.loads(shard_schema({}).metadata[b"huggingface"])["info"]["features"]
    assert features["video"] == {"dtype": "string", "_type": "Value"}
    assert features["time_s"] == {"dtype": "float64", "_type": "Value"}
    assert features["landmarks"]["length"] == 10
    assert features["image"] == {"_type": "Image"}


def test_rows_are_taken_and_joined_in_any_class() -> None:
    whole = posed(0, 9)
    assert_same(joined([taken(whole, np.arange(4)), taken(whole, np.arange(4, 9))]), whole)
    picked = taken(whole, np.array([7, 2]))
    assert picked.frame.tolist() == [2, 0]
    assert picked.images == [whole.images[7], whole.images[2]]
    assert picked.pose[:, 0].tolist() == [7, 2]
    assert len(taken(whole, np.arange(0))) == 0


def test_some_columns_and_pictures_alone(tmp_path: Path) -> None:
    path, rows = tmp_path / "v-00000.parquet", face_rows(0, 600)
    write_shard(path, "v", [taken(rows, np.arange(s, min(s + 256, 600))) for s in (0, 256, 512)], ShardMetadata())
    identity, boxes = read_columns(path, "identity", "bbox")
    np.testing.assert_array_equal(identity, rows.identity)
    np.testing.assert_array_equal(boxes, rows.bbox)
    assert (identity.dtype, boxes.dtype) == (np.int32, np.float32)
    assert dict(read_images(path, [599, 0, 300, 300])) == {row: rows.images[row] for row in (0, 300, 599)}
    write_shard(path, "v", [], ShardMetadata())
    identity, boxes = read_columns(path, "identity", "bbox")
    assert (identity.shape, boxes.shape) == ((0,), (0, 4))
    assert list(read_images(path, [])) == []


@pytest.mark.parametrize("held", [str, list[str], np.ndarray, "npt.NDArray[np.float32] | None"])
def test_a_column_of_another_kind_is_refused(held: Any) -> None:
    odd = type("Odd", (), {"__annotations__": {"odd": Annotated[held, Stored("odd")]}, "__module__": __name__})
    with pytest.raises(TypeError, match="odd: a column is a NumPy array of one dtype or a list of bytes"):
        columns_of(odd)
