"""Flipped bits in pictures, numbers, footers and indexes are found."""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_shards import wall
from store_checks import Make, check_fault

from rmfer.errors import RmferError, ShardError
from rmfer.shards import ImageReader, open_index
from rmfer.shards.index_files import ARRAYS
from rmfer.shards.shard_files import read_columns
from rmset_builder.shards.videos_table import VideoRecord, update_videos


def test_a_flipped_byte_in_a_picture(folder: Path) -> None:
    found = open_index(folder)
    path, number = found.place(250)
    stat, content = path.stat(), bytearray(path.read_bytes())
    whole = bytes(ImageReader(found).read(250))
    at = bytes(content).index(whole)
    for where in (0, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(content)
        damaged[at + where] ^= 0x10
        path.write_bytes(damaged)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        with pytest.raises(ShardError) as raised:
            ImageReader(open_index(folder)).read(250)
        assert str(raised.value).startswith(f"{path}, row {number}: ")
        assert str(raised.value).endswith("delete it and run `rmset extract` on its video again")
        assert (raised.value.path, raised.value.row) == (path, 50)
        before, same, after = ImageReader(open_index(folder)).read_many([10, 250, 299])
        assert isinstance(same, ShardError)
        assert not isinstance(before, ShardError)
        assert not isinstance(after, ShardError)


def flip_end_of(path: Path, column: str) -> None:
    """Turn a bit around in the last byte of a column's first row group."""
    group = pq.read_metadata(path).row_group(0)
    (chunk,) = (c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == column)
    begin = chunk.dictionary_page_offset or chunk.data_page_offset
    content = bytearray(path.read_bytes())
    content[begin + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("column", ["frame", "identity"])
def test_a_flipped_bit_in_who_and_when(folder: Path, column: str) -> None:
    path = folder / "b-00000.parquet"
    flip_end_of(path, column)
    fault = f"is damaged (rows 0 to 119, column {column}: its bytes are not those that were written (checksum))"
    check_fault(folder, path.name, fault, "delete it and run `rmset extract`", left=300)


def test_no_flipped_bit_of_a_footer_ends_the_process(folder: Path) -> None:
    """As pyarrow's metadata of column chunks do."""
    path = folder / "b-00000.parquet"
    whole, places = path.read_bytes(), random.Random(2)
    footer = range(len(whole) - 8 - int.from_bytes(whole[-8:-4], "little"), len(whole))
    for at in places.sample(footer, 150):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << places.randrange(8)
        path.write_bytes(damaged)
        with contextlib.suppress(ShardError):
            assert len(read_columns(path).frame) == 120


def test_a_flipped_bit_in_the_index(folder: Path) -> None:
    open_index(folder)
    (place,) = (folder / ".rmfer-index").glob("[!.]*/")
    whole = {path.name: path.read_bytes() for path in place.iterdir()}
    assert set(whole) == {"crc32.json", "index.json", *(f"{name}.bin" for name in ARRAYS)}
    for name, content in whole.items():
        damaged = bytearray(content)
        damaged[len(damaged) // 2] ^= 1
        (place / name).write_bytes(damaged)
        open_index(folder)
        assert {path.name: path.read_bytes() for path in place.iterdir()} == whole, name


def test_a_damaged_index_is_not_taken_over(folder: Path, make_shards: Make) -> None:
    open_index(folder)
    (place,) = (folder / ".rmfer-index").glob("[!.]*/")
    frames = bytearray((place / "frame.bin").read_bytes())
    frames[4 * 299] ^= 1
    (place / "frame.bin").write_bytes(frames)
    make_shards(folder, "b", wall(30, 4), size=32, first=5000)
    assert open_index(folder).frame[299] == 59


def test_a_flipped_bit_in_the_table_of_videos(folder: Path) -> None:
    update_videos(folder, VideoRecord(id="a", shards=3, faces=300))
    flip_end_of(folder / "videos.parquet", "shards")
    with pytest.raises(
        RmferError, match=r"videos.parquet cannot be read \(row 0, column shards: its bytes .*rebuilds it"
    ):
        open_index(folder)
