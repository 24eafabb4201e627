from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmset_builder.shards.pages import OffsetIndex, PageError, locate_pages, open_page, picture, row_groups
from rmset_builder.shards.thrift import CompactReader


def table(images: list[bytes | None]) -> pa.Table:
    column = pa.StructArray.from_arrays(
        [pa.array(images, pa.binary()), pa.array([None] * len(images), pa.string())], names=["bytes", "path"]
    )
    return pa.table({"n": pa.array(range(len(images)), pa.int32()), "image": column})


def write(path: Path, images: list[bytes | None], **options: Any) -> bytes:
    plain: dict[str, Any] = {"compression": "none", "use_dictionary": False, "write_page_index": True}
    pq.write_table(table(images), path, **{**plain, **options})
    return path.read_bytes()


def places(content: bytes) -> tuple[list[int], list[int]]:
    length = int.from_bytes(content[-8:-4], "little")
    groups = [index for group in row_groups(content[-8 - length : -8]) if (index := group.chunks[1].index)]
    found = locate_pages([content[g.offset : g.offset + g.length] for g in groups], groups)
    return found[0].tolist(), found[1].tolist()


def jpegs(lengths: list[int]) -> list[bytes | None]:
    return [b"\xff\xd8" + bytes([n % 256]) * length + b"\xff\xd9" for n, length in enumerate(lengths)]


def take_all(content: bytes) -> list[bytes]:
    taken, before, ordinal = [], -1, 0
    for offset, size in zip(*places(content), strict=True):
        ordinal = ordinal + 1 if offset == before else 0
        taken.append(bytes(picture(content[offset : offset + size], ordinal)))
        before = offset
    return taken


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 300) | st.integers(10_000, 70_000), min_size=1, max_size=40),
    page=st.sampled_from([1, 64, 1024, 1 << 20]),
    batch=st.sampled_from([1, 3, 1024]),
    group=st.integers(1, 50),
    checksum=st.booleans(),
    statistics=st.booleans(),
)
def test_every_picture_is_found_however_pages_are_cut(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: list[int],
    page: int,
    batch: int,
    group: int,
    checksum: bool,
    statistics: bool,
) -> None:
    images = jpegs(lengths)
    content = write(
        tmp_path_factory.mktemp("pages") / "x.parquet",
        images,
        data_page_size=page,
        write_batch_size=batch,
        row_group_size=group,
        write_page_checksum=checksum,
        write_statistics=statistics,
    )
    assert take_all(content) == images


def test_a_page_each(tmp_path: Path) -> None:
    images = jpegs([2000, 3000, 2500])
    content = write(tmp_path / "x.parquet", images, data_page_size=1024, write_batch_size=1, write_page_checksum=True)
    offsets, sizes = places(content)
    assert len(set(offsets)) == 3
    assert all(size < len(image or b"") + 60 for size, image in zip(sizes, images, strict=True))


def test_any_flipped_bit_of_a_page_is_noticed(tmp_path: Path) -> None:
    images = jpegs([300])
    content = write(tmp_path / "x.parquet", images, data_page_size=1, write_batch_size=1, write_page_checksum=True)
    (offset,), (size,) = places(content)
    page = content[offset : offset + size]
    assert bytes(picture(page, 0)) == images[0]
    for at in range(len(page)):
        for bit in (0, 3, 7):
            damaged = bytearray(page)
            damaged[at] ^= 1 << bit
            try:
                # Some bits of a header mean nothing to a reader; the picture then is the right one still.
                assert bytes(picture(bytes(damaged), 0)) == images[0]
            except PageError:
                continue


def test_without_checksums_what_can_be_seen_is_seen(tmp_path: Path) -> None:
    content = write(tmp_path / "x.parquet", jpegs([300]), data_page_size=1, write_batch_size=1)
    (offset,), (size,) = places(content)
    page = content[offset : offset + size]
    for damaged in (page[:-1], page + b"\0", page[:-1] + b"\0", page.replace(b"\xff\xd8", b"\xff\xd7")):
        with pytest.raises(PageError):
            picture(damaged, 0)


def test_rows_without_a_picture(tmp_path: Path) -> None:
    images = [*jpegs([10, 20]), None, *jpegs([30]), None, None, *jpegs([5] * 9)]
    content = write(tmp_path / "x.parquet", images)
    offsets, sizes = places(content)
    assert len(set(offsets)) == 1, "all in one page, its levels bit-packed"
    page = content[offsets[0] : offsets[0] + sizes[0]]
    for ordinal, image in enumerate(images):
        if image is None:
            with pytest.raises(PageError, match="no picture"):
                picture(page, ordinal)
        else:
            assert bytes(picture(page, ordinal)) == image
    with pytest.raises(PageError, match="no picture"):
        picture(page, len(images))


def test_other_kinds_of_page(tmp_path: Path) -> None:
    content = write(tmp_path / "x.parquet", jpegs([300]), data_page_version="2.0")
    (offset,), (size,) = places(content)
    with pytest.raises(PageError, match="no plain data page"):
        open_page(content[offset : offset + size])
    for nonsense in (b"", b"\x15", b"\xff" * 50, b"\x15\x00" * 20, b"\0" * 9):
        with pytest.raises(PageError):
            open_page(nonsense)


def test_offset_indexes_that_lie() -> None:
    def index(*entries: tuple[int, int, int]) -> bytes:
        def varint(number: int) -> bytes:
            number, text = number << 1, bytearray()
            while number > 127:
                text.append(number & 127 | 128)
                number >>= 7
            return bytes([*text, number])

        pages = [b"\x16" + varint(a) + b"\x15" + varint(b) + b"\x16" + varint(c) + b"\0" for a, b, c in entries]
        return struct.pack("BB", 0x19, len(entries) << 4 | 12) + b"".join(pages) + b"\0"

    def locate(data: bytes, rows: int) -> list[list[int]]:
        return [values.tolist() for values in locate_pages([data], [OffsetIndex(0, len(data), rows)])]

    assert locate(index((4, 200, 0), (204, 90_000, 3)), 5) == [[4, 4, 4, 204, 204], [200, 200, 200, 90_000, 90_000]]
    for data, rows in [
        (index((4, 200, 0), (204, 9, 3)), 3),
        (index((4, 200, 1)), 3),
        (index((4, 0, 0)), 1),
        (index(), 1),
        (index((4, 200, 0))[:-3], 1),
        (b"\x19\x1c" + b"\x80" * 30 + b"\0" * 9, 1),
        (b"\0", 1),
    ]:
        with pytest.raises(PageError):
            locate(data, rows)


def test_thrift_skips_what_it_does_not_know() -> None:
    reader = CompactReader(
        bytes([0x11, 0x12, 0x13, 7, 0x17, *bytes(8), 0x18, 2, 65, 66, 0x19, 0x25, 3, 0x84, 1])
        + bytes([0x1A, 0x21, 1, 2, 0x1C, 0x15, 2, 0x00, 0x05, 0x64, 0x54, 0x00])
    )
    found = []
    for field, kind in reader.fields():
        found.append((field, kind))
        reader.skip(kind)
    assert found == [(1, 1), (2, 2), (3, 3), (4, 7), (5, 8), (6, 9), (7, 10), (8, 12), (50, 5)]
    with pytest.raises(ValueError, match="unknown type"):
        reader.skip(13)


def test_row_groups_without_an_index(tmp_path: Path) -> None:
    content = write(tmp_path / "x.parquet", jpegs([5]), write_page_index=False)
    length = int.from_bytes(content[-8:-4], "little")
    (group,) = row_groups(content[-8 - length : -8])
    assert [chunk.index for chunk in group.chunks] == [None, None, None]
    for damaged in (b"", b"\x19", content[-8 - length : -40], b"\xff" * 40):
        with pytest.raises(PageError, match="its footer is damaged"):
            row_groups(damaged)


def test_places_agree_with_numpy(tmp_path: Path) -> None:
    content = write(tmp_path / "x.parquet", jpegs([2000] * 700), data_page_size=1024, write_batch_size=1)
    offsets, sizes = places(content)
    assert np.all(np.diff(offsets) == sizes[:-1]), "one behind the other"
