from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards.videos_table import (
    DONE,
    FAILED,
    TABLE_NAME,
    VideoRecord,
    read_videos,
    record_of,
    remove_video,
    update_videos,
)

FULL = VideoRecord(
    id="a",
    source="/videos/a.mp4",
    source_bytes=2**40,
    source_mtime_ns=1_700_000_000_123_456_789,
    title='Überraschung "1", \n🎬',
    url="https://example.org/a",
    licence="CC-BY",
    group="Anger",
    keyword="k",
    fps=29.97,
    width=1280,
    height=720,
    frames=500,
    duration_s=16.68,
    identities=9,
    tracks=30,
    faces=4000,
    shards=1,
    dropped_json='{"faces": {}}',
    detected_frames=130,
    seconds_spent=12.5,
    rmset_version="1",
    versions_json="{}",
    models="offline",
    models_sha256="ab",
    settings_sha256="cd",
    source_sha256="ef",
)


def test_no_table_is_no_video(tmp_path: Path) -> None:
    assert read_videos(tmp_path) == {}
    assert read_videos(tmp_path / "nowhere") == {}
    assert not list(tmp_path.iterdir())


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    update_videos(tmp_path / "new" / "folder", FULL)
    assert read_videos(tmp_path / "new" / "folder") == {"a": FULL}


def test_a_record_is_replaced_and_the_others_stay_sorted(tmp_path: Path) -> None:
    for name in ("b", "c", "a"):
        update_videos(tmp_path, VideoRecord(id=name, title=name))
    update_videos(tmp_path, VideoRecord(id="b", state=FAILED, reason="not-a-video"))
    found = read_videos(tmp_path)
    assert list(found) == ["a", "b", "c"]
    assert (found["a"].state, found["a"].title) == (DONE, "a")
    assert (found["b"].state, found["b"].reason, found["b"].title) == (FAILED, "not-a-video", "")


def test_a_table_that_another_program_has_put_out_of_order_is_ordered_again(tmp_path: Path) -> None:
    for name in ("b", "c", "a"):
        update_videos(tmp_path, VideoRecord(id=name, title=name))
    table = pq.read_table(tmp_path / TABLE_NAME)
    pq.write_table(table.take([2, 0, 1]), tmp_path / TABLE_NAME)
    update_videos(tmp_path, VideoRecord(id="b", title="again"))
    assert [(row.id, row.title) for row in read_videos(tmp_path).values()] == [("a", "a"), ("b", "again"), ("c", "c")]
    remove_video(tmp_path, "a")
    assert list(read_videos(tmp_path)) == ["b", "c"]


def test_the_table_is_plain_parquet_with_a_column_a_field(tmp_path: Path) -> None:
    update_videos(tmp_path, FULL)
    table = pq.read_table(tmp_path / TABLE_NAME)
    types = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
    assert {field.name: field.type for field in table.schema} == {
        field.name: types[str(field.type)] for field in dataclasses.fields(VideoRecord)
    }
    assert table.to_pylist() == [dataclasses.asdict(FULL)]


def test_nothing_but_table_and_lock_is_left(tmp_path: Path) -> None:
    update_videos(tmp_path, FULL)
    assert {path.name for path in tmp_path.iterdir()} <= {TABLE_NAME, f".{TABLE_NAME}.lock"}


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from rmset_builder.shards.videos_table import VideoRecord, update_videos\n"
        "for n in range(12): update_videos(Path(sys.argv[1]), VideoRecord(id=f'{sys.argv[2]}-{n}', frames=n))"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(k)]) for k in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    found = read_videos(tmp_path)
    assert {name: record.frames for name, record in found.items()} == {
        f"{k}-{n}": n for k in range(4) for n in range(12)
    }


@pytest.mark.parametrize("content", [b"", b"not parquet at all", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_broken_table_is_named_with_its_mend_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / TABLE_NAME
    path.write_bytes(content)
    with pytest.raises(RmsetError) as caught:
        read_videos(tmp_path)
    assert str(caught.value).startswith(f"{path} cannot be read (")
    assert f"mv {path} {path}.broken" in caught.value.remedy
    assert "\n" not in str(caught.value)
    with pytest.raises(RmsetError):
        update_videos(tmp_path, FULL)
    assert path.read_bytes() == content


def test_a_truncated_table_is_an_error(tmp_path: Path) -> None:
    update_videos(tmp_path, FULL)
    path = tmp_path / TABLE_NAME
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RmsetError, match="cannot be read"):
        read_videos(tmp_path)


def test_a_table_of_something_else_is_an_error(tmp_path: Path) -> None:
    pq.write_table(pa.table({"name": ["a"], "frames": [1]}), tmp_path / TABLE_NAME)
    with pytest.raises(RmsetError, match=r'cannot be read .*"id" does not exist'):
        read_videos(tmp_path)


def test_missing_columns_take_their_defaults_and_new_ones_are_passed_over(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a", "b"], "frames": [1, 2], "mood": ["x", "y"]}), tmp_path / TABLE_NAME)
    assert read_videos(tmp_path) == {"a": VideoRecord(id="a", frames=1), "b": VideoRecord(id="b", frames=2)}
    update_videos(tmp_path, FULL)
    assert list(read_videos(tmp_path)) == ["a", "b"]
    assert read_videos(tmp_path)["a"] == FULL


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("title", 7),
        ("title", None),
        ("frames", "many"),
        ("frames", True),
        ("frames", 2**63),
        ("faces", float("inf")),
        ("fps", [1]),
        ("fps", False),
        ("fps", 2**53 + 1),
        ("seen", 1),
    ],
)
def test_a_row_from_elsewhere_is_one_or_is_refused(column: str, value: object) -> None:
    record = VideoRecord(id="a", frames=3, title="ä")
    row = dataclasses.asdict(record)
    assert record_of(row) == record
    with pytest.raises((TypeError, ValueError)):
        record_of({**row, column: value})
