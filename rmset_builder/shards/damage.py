"""Which rows of a Parquet file are not as they were written: every page is looked at, none is decoded.

pyarrow tells that a checksum differs, not where, and does not notice when an offset index, by which single pictures are
read, leads elsewhere than to the pages.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from rmset_builder.shards.checked_parquet import open_checked, read_checked
from rmset_builder.shards.pages import Chunk, OffsetIndex, PageError, locate_pages, read_footer, row_groups
from rmset_builder.shards.thrift import CompactReader
from rmset_builder.storage.blobs import Blob, opened

CHANGED = "its bytes are not those that were written (checksum)"
MOST_TOLD = 20

_TYPE, _UNCOMPRESSED, _COMPRESSED, _CRC = 1, 2, 3, 4
_NUM_VALUES = 1
# Where the header of a data page, a dictionary and a data page of version 2 tells of its values.
_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
_KINDS = {_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}
_LONGEST_HEADER, _WINDOW = 1 << 15, 1 << 20


@dataclass(frozen=True)
class Damage:
    """Rows ``first`` to ``last`` of a file, from 0, whose ``column`` cannot be trusted, and why."""

    column: str
    first: int
    last: int
    why: str

    def __str__(self) -> str:
        rows = f"row {self.first:,}" if self.first == self.last else f"rows {self.first:,} to {self.last:,}"
        return f"{rows}, column {self.column}: {self.why}"


@dataclass
class Pages:
    """How many pages a file has, how many of them with a checksum (older versions wrote some without), and damages."""

    pages: int = 0
    checksums: int = 0
    damages: list[Damage] = field(default_factory=list)


@dataclass(frozen=True)
class _Page:
    offset: int
    size: int
    rows: int


def look_at_pages(path: Path) -> Pages:
    """Compare every page's checksum, and the pages' places with the offset index where there is one.

    Raises:
        OSError: the file cannot be read, or is not Parquet.
        PageError: its footer is damaged.
        pyarrow.ArrowException: it is not whole.
    """
    with open_checked(path) as file:
        names = [file.schema.column(number).path.partition(".")[0] for number in range(len(file.schema))]
    found = Pages()
    with opened(path) as file:
        window = _Window(file)
        groups = row_groups(read_footer(file.pread, file.size))
        wrong = any(len(group.chunks) != len(names) or group.rows < 0 for group in groups)
        if wrong or sum(group.rows for group in groups) > file.size:
            raise PageError("its footer is damaged")
        for number, name in enumerate(names):
            first, pages = 0, list[_Page]()
            for group in groups:
                walk = _Walk(window, name, first, first + group.rows - 1)
                pages += walk.through(group.chunks[number], group.rows)
                found.pages += walk.pages
                found.checksums += walk.checksums
                found.damages += walk.damages
                first += group.rows
            if sum(page.rows for page in pages) == first:
                found.damages += _misplaced(window, name, [group.chunks[number].index for group in groups], pages)
    found.damages.sort(key=lambda damage: (damage.first, damage.last))
    return found


def tell_damage(path: Path, error: Exception) -> str:
    """What to say of ``error``, which reading the file at ``path`` raised: the rows that are damaged, if known."""
    told = (str(error).splitlines() or [type(error).__name__])[0]
    try:
        damages = look_at_pages(path).damages
    except (pa.ArrowException, OSError, ValueError):
        return told
    if not damages:
        return told
    more = f", and {len(damages) - 1:,} more places" if len(damages) > 1 else ""
    return f"{next(describe(path, damages[:1]))}{more}"


def describe(path: Path, damages: list[Damage]) -> Iterator[str]:
    """Each damage as text; single rows of a shard with their frame and identity, where these can be read."""
    try:
        table = read_checked(path, ["frame", "identity"])
        places = list(zip(table["frame"].to_pylist(), table["identity"].to_pylist(), strict=True))
    except (pa.ArrowException, OSError, KeyError, ValueError):
        places = []
    for damage in damages:
        row = f"row {damage.first:,}"
        if damage.first == damage.last < len(places):
            frame, identity = places[damage.first]
            yield str(damage).replace(row, f"{row} (frame {frame}, identity {identity})", 1)
        else:
            yield str(damage)


class _Window:
    """Bytes of a file, which has ``end`` of them, by their place, read a good deal at a time."""

    def __init__(self, file: Blob) -> None:
        self._file, self._end, self._start, self._data = file, file.size, 0, b""

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset`` on, fewer at the file's end."""
        offset, size = min(offset, self._end), max(0, min(size, self._end - offset))
        if offset < self._start or offset + size > self._start + len(self._data):
            self._start, self._data = offset, self._file.pread(max(size, _WINDOW), offset)
        return self._data[offset - self._start : offset - self._start + size]


class _Walk:
    """From page to page through one column of one row group, whose rows are ``first`` to ``last``."""

    def __init__(self, window: _Window, name: str, first: int, last: int) -> None:
        self._window, self._name, self._row, self._last = window, name, first, last
        self.pages = self.checksums = 0
        self.damages: list[Damage] = []

    def through(self, chunk: Chunk, rows: int) -> list[_Page]:
        """The data pages of ``chunk``, a column chunk of ``rows`` rows, as far as they follow each other."""
        at, end, found = chunk.start, chunk.start + chunk.size, list[_Page]()
        while at < end:
            try:
                size, page_rows = self._page(at, end, chunk, rows)
            except PageError as error:
                self.damages.append(Damage(self._name, self._row, self._last, str(error)))
                return found
            if page_rows:
                found.append(_Page(at, size, page_rows))
            self._row += page_rows
            at += size
        if self._row != self._last + 1:
            self.damages.append(Damage(self._name, self._last + 1 - rows, self._last, "its pages are of other rows"))
        return found

    def _page(self, at: int, end: int, chunk: Chunk, rows: int) -> tuple[int, int]:
        """The size of the page at ``at`` and how many rows it has, none for a dictionary."""
        reader = CompactReader(self._window.read(at, min(_LONGEST_HEADER, end - at)))
        try:
            header = reader.struct()
            kind, size = header[_TYPE], header[_COMPRESSED]
            values = header[_KINDS[kind]][_NUM_VALUES]
            plain = chunk.compression or header[_UNCOMPRESSED] == size
        except (IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise PageError("no page begins where one should") from error
        if not (isinstance(size, int) and 0 <= size <= end - at - reader.at and plain):
            raise PageError("its page is not as long as its header says")
        if not (isinstance(values, int) and values >= 0):
            raise PageError("its page is not as long as its header says")
        body = self._window.read(at + reader.at, size)
        held = 0 if kind == _DICTIONARY else values * rows // max(1, chunk.values)
        self.pages += 1
        if isinstance(checksum := header.get(_CRC), int):
            self.checksums += 1
            if zlib.crc32(body) != checksum & 0xFFFFFFFF:
                last = self._last if kind == _DICTIONARY else min(self._last, self._row + held - 1)
                self.damages.append(Damage(self._name, self._row, last, CHANGED))
        return reader.at + size, held


def _misplaced(window: _Window, name: str, indexes: list[OffsetIndex | None], pages: list[_Page]) -> Iterator[Damage]:
    """Where the offset index says other than the pages themselves; nothing where there is none, or no row."""
    given = [index for index in indexes if index is not None]
    if not pages or len(given) != len(indexes):
        return
    rows = sum(page.rows for page in pages)
    counts = [page.rows for page in pages]
    expected = np.repeat([[page.offset, page.size] for page in pages], counts, axis=0)
    try:
        found = np.stack(locate_pages([window.read(one.offset, one.length) for one in given], given), axis=1)
        wrong = np.flatnonzero((expected != found).any(axis=1)) if len(found) == rows else np.arange(rows)
    except (PageError, IndexError, ValueError, RecursionError, OSError, OverflowError):
        wrong = np.arange(rows)
    if len(wrong):
        yield Damage(name, int(wrong[0]), int(wrong[-1]), "its offset index does not lead to its pages")
