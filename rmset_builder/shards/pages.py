"""Where pages lie inside a shard, by Parquet's own offset index, and how a picture is read from its page.

A shard of ours keeps each picture in a page of its own, and Parquet's offset index, which stands before the footer, has
the place of every page: knowing all pictures' places costs a read of the footer and that index, never of a picture.
A page's header holds a CRC-32 of the page, so that one read brings a picture and the proof that it is whole.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rmset_builder.shards.thrift import CompactReader

Int64s = npt.NDArray[np.int64]

# PageLocation: offset, compressed_page_size, first_row_index, stop. All its bytes are varints, types included.
_TOKENS_PER_PAGE = 7
_PAGE_TYPES = (0x16, 0x15, 0x16, 0x00)
_TYPE, _SIZE, _CRC, _DATA_PAGE_HEADER = 1, 3, 4, 5
_NUM_VALUES, _ENCODING = 1, 2
_DATA_PAGE, _PLAIN = 0, 0
_MAX_LEVEL = 2
# Four levels of two bits each lie in a byte.
_SHIFTS, _MAX_VALUE = np.array([0, 2, 4, 6], np.uint8), np.uint8(3)
_CHANGED = "its bytes are not those that were written (checksum)"
# The definition levels of a page with one picture: four bytes of length, one run of one value 2.
_ONE_PICTURE = b"\x02\x00\x00\x00\x02\x02"

# The whole of what stands before the picture in a page as our writer makes it: what `open_page` reads, at a glance.
_VARINT = rb"([\x80-\xff]{0,4}[\x00-\x7f])"
_USUAL = re.compile(
    rb"\x15\x00\x15"
    + _VARINT
    + rb"\x15"
    + _VARINT
    + rb"\x15"
    + _VARINT
    + rb"\x1c\x15\x02\x15\x00\x15\x06\x15\x06\x00\x00"
    b"\x02\x00\x00\x00\x02\x02",
    re.DOTALL,
)

_MAGIC = b"PAR1"
_ROW_GROUPS, _COLUMNS, _NUM_ROWS = 4, 1, 3
_META_DATA, _OFFSET_INDEX_OFFSET, _OFFSET_INDEX_LENGTH = 3, 4, 5
_CODECS = ("", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4")
_CODEC, _CHUNK_VALUES, _CHUNK_SIZE, _DATA_OFFSET, _DICTIONARY_OFFSET = 4, 5, 7, 9, 11


class PageError(ValueError):
    """A page is not what the format promises; the text says in what way."""


@dataclass(frozen=True)
class OffsetIndex:
    """Where the offset index of one row group's picture column lies, and how many rows the group has."""

    offset: int
    length: int
    rows: int


@dataclass(frozen=True)
class Chunk:
    """A column's pages within a row group: ``size`` bytes from ``start`` on, with ``values`` values.

    ``compression`` is the codec's name, empty where there is none.
    """

    start: int
    size: int
    values: int
    compression: str
    has_dictionary: bool
    index: OffsetIndex | None


@dataclass(frozen=True)
class RowGroup:
    """A row group's number of rows and, of each leaf column, its chunk."""

    rows: int
    chunks: tuple[Chunk, ...]


def row_groups(footer: bytes) -> list[RowGroup]:
    """The row groups of a file, from its footer (FileMetaData).

    pyarrow's own `RowGroupMetaData.column` ends the process where a footer is damaged in certain places.

    Raises:
        PageError: it is no footer.
    """
    reader, found = CompactReader(footer), list[RowGroup]()
    try:
        for field, kind in reader.fields():
            if field != _ROW_GROUPS:
                reader.skip(kind)
                continue
            for _ in range(reader.elements()[0]):
                found.append(_row_group(reader))
    except (IndexError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise PageError("its footer is damaged") from error
    return found


def _row_group(reader: CompactReader) -> RowGroup:
    rows, columns = 0, list[dict[int, Any]]()
    for field, kind in reader.fields():
        if field == _NUM_ROWS:
            rows = reader.integer()
        elif field == _COLUMNS:
            columns = [reader.struct() for _ in range(reader.elements()[0])]
        else:
            reader.skip(kind)
    return RowGroup(rows, tuple(_chunk(column, rows) for column in columns))


def _chunk(column: dict[int, Any], rows: int) -> Chunk:
    told, offset, length = column[_META_DATA], column.get(_OFFSET_INDEX_OFFSET), column.get(_OFFSET_INDEX_LENGTH)
    dictionary = told.get(_DICTIONARY_OFFSET)
    start, size, values = (
        told[_DATA_OFFSET] if dictionary is None else dictionary,
        told[_CHUNK_SIZE],
        told[_CHUNK_VALUES],
    )
    if not all(isinstance(number, int) and number >= 0 for number in (start, size, values, offset or 0, length or 0)):
        raise PageError("its footer is damaged")
    return Chunk(
        start=start,
        size=size,
        values=values,
        compression=_CODECS[told[_CODEC]],
        has_dictionary=dictionary is not None,
        index=None if offset is None or length is None else OffsetIndex(offset, length, rows),
    )


def read_footer(pread: Callable[[int, int], bytes], size: int) -> bytes:
    """The footer (FileMetaData) of a file of ``size`` bytes, of which ``pread`` gives so many from a place on.

    Raises:
        PageError: the file does not end as Parquet does.
    """
    tail = pread(8, size - 8) if size >= 12 else b""
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length + 12 > size:
        raise PageError("is not a whole Parquet file; it was cut or overwritten")
    return pread(length, size - 8 - length)


def locate_pages(indexes: list[bytes], groups: list[OffsetIndex]) -> tuple[Int64s, Int64s]:
    """Where each row's page begins and how long it is, (rows,) each, in bytes of the file.

    Args:
        indexes: the bytes of each row group's offset index.
        groups: what the footer told of them.

    Raises:
        PageError: an index is malformed, or leaves rows without a page.
        IndexError: an index ends too early.
    """
    starts, counts, at = [], [], 0
    for index in indexes:
        reader = CompactReader(index)
        # Field 1, a list of structs.
        if index[:1] != b"\x19":
            raise PageError("its offset index is malformed")
        reader.at = 1
        count, _ = reader.elements()
        if count * _TOKENS_PER_PAGE > len(index):
            raise PageError("its offset index is cut")
        starts.append(at + reader.at)
        counts.append(count)
        at += len(index)
    data = np.frombuffer(b"".join(indexes), np.uint8)
    ends = np.flatnonzero(data < 128)
    first = np.searchsorted(ends, starts)
    token_counts = np.asarray(counts) * _TOKENS_PER_PAGE
    tokens = _aranges(first, token_counts)
    if min(counts, default=0) < 1 or tokens[-1] >= len(ends):
        raise PageError("its offset index is cut")
    begins = ends[tokens - 1] + 1
    # What stands before an index's first token is no token.
    begins[np.cumsum(token_counts) - token_counts] = starts
    values = _varints(data, begins, ends[tokens]).reshape(-1, _TOKENS_PER_PAGE)
    if (values[:, ::2] != _PAGE_TYPES).any():
        raise PageError("its offset index is malformed")
    zigzag = values[:, 1::2]
    offset, size, row = ((zigzag >> 1) ^ -(zigzag & 1)).T
    group_rows = np.asarray([group.rows for group in groups])
    total = sum(group.rows for group in groups)
    row = row + np.repeat(np.cumsum(group_rows) - group_rows, counts)
    per_page = np.diff(row, append=group_rows.sum())
    impossible = (per_page < 1) | (per_page > total) | (offset < 0) | (size < 1)
    if impossible.any() or (len(row) and row[0] != 0):
        raise PageError("its offset index contradicts its rows")
    return np.repeat(offset, per_page), np.repeat(size, per_page)


def _aranges(first: Int64s, counts: Int64s) -> Int64s:
    """``concatenate([arange(f, f + c) for f, c in zip(first, counts)])``."""
    skipped = first - (np.cumsum(counts) - counts)
    return np.repeat(skipped, counts) + np.arange(counts.sum())


def _varints(data: npt.NDArray[np.uint8], begins: Int64s, ends: Int64s) -> Int64s:
    values = np.zeros(len(ends), np.int64)
    lengths = ends - begins
    for byte in range(int(lengths.max(initial=0)) + 1):
        if byte > 9:
            raise PageError("its offset index is malformed")
        has = np.flatnonzero(lengths >= byte)
        values[has] |= (data[begins[has] + byte].astype(np.int64) & 127) << (7 * byte)
    return values


@dataclass(frozen=True)
class Page:
    """A data page: how many values it has, and where its definition levels begin."""

    values: int
    levels: int


def open_page(page: bytes) -> Page:
    """Read a page's header and, where it holds one, compare its CRC-32.

    Raises:
        PageError: it is no plain data page, it is cut, or the checksum differs.
    """
    reader = CompactReader(page)
    try:
        header = reader.struct()
    except (IndexError, ValueError, RecursionError) as error:
        raise PageError("no page begins where one should") from error
    data_page = header.get(_DATA_PAGE_HEADER)
    if not isinstance(data_page, dict) or isinstance(header.get(_SIZE, {}), dict):
        raise PageError("no plain data page is where one should be")
    kind, encoding, values = header.get(_TYPE), data_page.get(_ENCODING), data_page.get(_NUM_VALUES)
    size, checksum = header[_SIZE], header.get(_CRC)
    if (kind, encoding) != (_DATA_PAGE, _PLAIN) or not isinstance(values, int) or not 0 < values <= len(page):
        raise PageError("no plain data page is where one should be")
    if reader.at + size != len(page):
        raise PageError("its page is not as long as its header says")
    if isinstance(checksum, int) and zlib.crc32(memoryview(page)[reader.at :]) != checksum & 0xFFFFFFFF:
        raise PageError(_CHANGED)
    return Page(values, reader.at)


def picture(page: bytes, ordinal: int) -> memoryview:
    """The bytes of the picture that is number ``ordinal`` in a page, checked as far as can be without decoding.

    Raises:
        PageError: the page is damaged, the row has no picture, or it is no whole JPEG.
    """
    if (usual := _USUAL.match(page)) is not None:
        return _usual_picture(page, usual)
    head = open_page(page)
    if head.values == 1 and page.startswith(_ONE_PICTURE, head.levels):
        at, skipped = head.levels + len(_ONE_PICTURE), 0
    else:
        length = int.from_bytes(page[head.levels : head.levels + 4], "little")
        at = head.levels + 4 + length
        levels = _levels(page[head.levels + 4 : at], head.values)
        if ordinal >= len(levels) or levels[ordinal] != _MAX_LEVEL:
            raise PageError("it has no picture")
        skipped = levels[:ordinal].count(_MAX_LEVEL)
    for _ in range(skipped):
        at += 4 + int.from_bytes(page[at : at + 4], "little")
    length = int.from_bytes(page[at : at + 4], "little")
    found = memoryview(page)[at + 4 : at + 4 + length]
    if len(found) < length or (head.values == 1 and at + 4 + length != len(page)):
        raise PageError("its picture is not as long as the page says")
    return _jpeg(found)


def _usual_picture(page: bytes, head: re.Match[bytes]) -> memoryview:
    size, checksum = (CompactReader(text).integer() for text in head.group(2, 3))
    at = head.end()
    body = memoryview(page)[at - len(_ONE_PICTURE) :]
    if len(body) != size:
        raise PageError("its page is not as long as its header says")
    if zlib.crc32(body) != checksum & 0xFFFFFFFF:
        raise PageError(_CHANGED)
    if int.from_bytes(page[at : at + 4], "little") != len(page) - at - 4:
        raise PageError("its picture is not as long as the page says")
    return _jpeg(body[len(_ONE_PICTURE) + 4 :])


def _jpeg(found: memoryview) -> memoryview:
    if bytes(found[:2]) != b"\xff\xd8" or bytes(found[-2:]) != b"\xff\xd9":
        raise PageError("its picture is no whole JPEG")
    return found


def _levels(data: bytes, count: int) -> list[int]:
    """Definition levels of 2 bits each, in Parquet's hybrid of runs and bit-packed groups of eight."""
    reader, levels = CompactReader(data), list[int]()
    try:
        while len(levels) < count:
            head = reader.varint()
            if head & 1:
                size = (head >> 1) * 2
                packed = np.frombuffer(data[reader.at : reader.at + size], np.uint8)
                levels += (packed[:, None] >> _SHIFTS & _MAX_VALUE).ravel()[: count - len(levels)].tolist()
                reader.at += size
            else:
                levels += [data[reader.at]] * min(head >> 1, count - len(levels))
                reader.at += 1
            if head < 2:
                raise IndexError
    except (IndexError, ValueError) as error:
        raise PageError("its page is malformed") from error
    return levels
