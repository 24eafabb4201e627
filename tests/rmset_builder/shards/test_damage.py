from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bit_rot import chunk_end, flip, picture_at
from collection import PLACES, ROWS, Collection

from rmset_builder.shards.check import check_shard
from rmset_builder.shards.checked_parquet import read_checked, write_checked
from rmset_builder.shards.damage import Damage, describe, look_at_pages, tell_damage
from rmset_builder.shards.layout import ShardFile, shard_path
from rmset_builder.shards.pages import PageError
from rmset_builder.shards.schema import ROWS_PER_GROUP

CHANGED = "its bytes are not those that were written (checksum)"


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    return shard_path(Collection(tmp_path).shards, "one", 0)


def test_a_whole_shard(shard: Path) -> None:
    found = look_at_pages(shard)
    assert (found.damages, found.pages) == ([], found.checksums)
    assert found.pages > ROWS


@pytest.mark.parametrize("row", [0, 77, ROWS_PER_GROUP - 1, ROWS_PER_GROUP, ROWS - 1])
@pytest.mark.parametrize("place", ["begin", "middle"])
def test_the_row_of_a_picture(shard: Path, row: int, place: str) -> None:
    flip(shard, picture_at(shard, row) + (0 if place == "begin" else 1000), bit=row % 8)
    (damage,) = look_at_pages(shard).damages
    assert damage == Damage("image", row, row, CHANGED)
    (told,) = describe(shard, [damage])
    assert told == f"row {row} (frame {PLACES[0][row]}, identity {PLACES[1][row]}), column image: {CHANGED}"


@pytest.mark.parametrize("column", ["video", "frame", "identity", "track", "time_s", "bbox", "landmarks", "det_score"])
@pytest.mark.parametrize("group", [0, 1])
def test_the_rows_of_numbers(shard: Path, column: str, group: int) -> None:
    values = read_checked(shard, [column])[column].to_pylist()
    flip(shard, chunk_end(shard, column, group) - 1)
    (damage,) = look_at_pages(shard).damages
    assert (damage.column, damage.why) == (column, CHANGED)
    last = (ROWS_PER_GROUP, ROWS)[group] - 1
    # The last page of the row group; where pages have less than a row group, these are the very rows that would differ.
    assert damage.last == last
    assert group * ROWS_PER_GROUP <= damage.first <= last
    try:
        unchecked = pq.read_table(shard, columns=[column])[column].to_pylist()
    except (pa.ArrowException, OSError):
        return  # not even to be unpacked
    wrong = [row for row in range(ROWS) if unchecked[row] != values[row]]
    assert all(damage.first <= row <= damage.last for row in wrong)


def test_several_places_and_rows_that_cannot_be_named(shard: Path) -> None:
    for row in (3, 300):
        flip(shard, picture_at(shard, row) + 20)
    flip(shard, chunk_end(shard, "frame") - 1)
    found = look_at_pages(shard).damages
    assert [(d.column, d.first, d.last) for d in found] == [
        ("frame", 0, ROWS_PER_GROUP - 1),
        ("image", 3, 3),
        ("image", 300, 300),
    ]
    assert next(describe(shard, found[1:])).startswith("row 3, column image")
    with pytest.raises(OSError, match="page integrity") as raised:
        read_checked(shard)
    assert tell_damage(shard, raised.value) == f"rows 0 to 255, column frame: {CHANGED}, and 2 more places"


def test_a_file_without_checksums(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "old.parquet")
    old = look_at_pages(tmp_path / "old.parquet")
    assert (old.damages, old.checksums, old.pages) == ([], 0, 2)


def test_an_offset_index_that_leads_elsewhere(shard: Path) -> None:
    metadata = pq.read_metadata(shard)
    before = look_at_pages(shard)
    # Behind the pages lie column indexes and then offset indexes; those of the pictures are by far the longest.
    end = shard.stat().st_size - 8 - metadata.serialized_size
    for _ in range(10):
        content = shard.read_bytes()
        at = random.Random(7).randrange(end - 3000, end - 200)
        flip(shard, at)
        found = look_at_pages(shard).damages
        assert found and {damage.column for damage in found} == {"image"}
        assert "offset index" in found[0].why
        shard.write_bytes(content)
    assert look_at_pages(shard) == before


def test_tables_of_any_kind(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"id": [f"v{n}" for n in range(40)], "n": list(range(40)), "title": ["t", None] * 20})
    write_checked(table, path)
    assert look_at_pages(path).damages == []
    assert read_checked(path).equals(table)
    flip(path, chunk_end(path, "title") - 1)
    (damage,) = look_at_pages(path).damages
    assert damage == Damage("title", 0, 39, CHANGED)
    write_checked(table.slice(0, 0), path)
    assert look_at_pages(path).damages == []


def test_no_flipped_bit_ends_the_process_and_none_of_a_page_stays_unseen(shard: Path) -> None:
    """Anywhere in the file; in the footer and column indexes many change nothing that is read, and pass."""
    whole = shard.read_bytes()
    expected = read_checked(shard)
    places = random.Random(3)
    footer = pq.read_metadata(shard).serialized_size
    spots = [places.randrange(len(whole)) for _ in range(25)]
    spots += [places.randrange(len(whole) - footer - 8, len(whole)) for _ in range(150)]
    for at in spots:
        flip(shard, at, places.randrange(8))
        try:
            found: Any = look_at_pages(shard).damages
            if not found and not check_shard(ShardFile("one", 0, shard), images=False).faults:
                same = read_checked(shard)
                assert same.replace_schema_metadata(None).equals(expected.replace_schema_metadata(None)), at
        except (pa.ArrowException, OSError, ValueError, PageError):
            pass
        shard.write_bytes(whole)


def test_every_module_reads_and_writes_with_checksums() -> None:
    root = Path(__file__).parents[3]
    allowed = {
        "rmset_builder/shards/checked_parquet.py": {"ParquetFile", "write_table"},
        "rmset_builder/shards/writer.py": {"ParquetWriter"},
    }
    names = ("ParquetFile", "read_table", "write_table", "ParquetWriter", "ParquetDataset")
    for package in ("rmset_builder", "rmfer"):
        for path in (root / package).rglob("*.py"):
            text = path.read_text()
            called = {name for name in names if f"pq.{name}(" in text or f"parquet.{name}(" in text}
            assert called <= allowed.get(path.relative_to(root).as_posix(), set()), path
    assert "page_checksum_verification=True" in (root / "rmset_builder/shards/checked_parquet.py").read_text()
