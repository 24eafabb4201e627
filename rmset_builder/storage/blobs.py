"""A file to read parts of, be it on this machine or in a bucket: one way in for all that reads shards.

What stands here for an object of a bucket is a file of the object's size and time that begins with where it is; only
within the cache's own folder is one believed, so that nobody's folder of shards makes this machine ask a server.
"""

from __future__ import annotations

import functools
import io
import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from rmset_builder.core.errors import RmsetError
from rmset_builder.storage.address import Address
from rmset_builder.storage.cache import cache_folder
from rmset_builder.storage.server import Listed, fetch_range

MIRRORS = "mirrors"
NEAR = 1 << 16
"""Parts with no more bytes between them are asked for at once."""

_MARK = b"S3AT"
_LONGEST_MARK = 4096
_SMALL, _WINDOW, _TAIL = 1 << 18, 1 << 16, 1 << 17
_KEPT_BYTES, _KEPT_FILES, _AT_ONCE = 8 << 20, 16, 8


class LocalFile:
    """A file of this machine; it closes after a ``with`` block, or when nobody holds it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        state = os.fstat(self._file.fileno())
        self.size, self.mtime_ns, self._handle = state.st_size, state.st_mtime_ns, self._file.fileno()

    def pread(self, size: int, offset: int) -> bytes:
        """``size`` bytes from ``offset`` on, fewer at the end."""
        return os.pread(self._handle, size, offset)

    def fileno(self) -> int:
        """As a file has it."""
        return self._handle

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()


class RemoteFile:
    """An object in one state, read by ranges, some of which are kept; may be used by many threads at once."""

    def __init__(self, listed: Listed) -> None:
        self.listed, self.size, self.mtime_ns = listed, listed.size, listed.mtime_ns
        self._windows: list[tuple[int, bytes]] = []
        self._guard = threading.Lock()

    def pread(self, size: int, offset: int) -> bytes:
        """``size`` bytes from ``offset`` on, fewer at the end.

        Raises:
            StorageError: the server cannot be asked, or the object is in another state by now.
        """
        end = min(offset + size, self.size)
        if end <= offset:
            return b""
        with self._guard:
            windows = list(self._windows)
        for start, data in windows:
            if start <= offset and end <= start + len(data):
                return data[offset - start : end - start]
        if self.size <= _SMALL:
            start, stop = 0, self.size
        else:  # what comes next is read next; of the footer what stands before it
            start = min(offset, self.size - _TAIL) if offset >= self.size - _TAIL else offset
            stop = min(max(end, start + _WINDOW), self.size)
        data = self._fetch(start, stop)
        return data[offset - start : end - start]

    def want(self, parts: Sequence[tuple[int, int]]) -> None:
        """Fetch parts (start, end) side by side, those near each other together; what is read next is here then."""
        if self.size <= _SMALL:
            return
        joined = join(parts)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="s3") as pool:
            list(pool.map(lambda part: self._fetch(*part), joined))

    def _fetch(self, start: int, stop: int) -> bytes:
        data = fetch_range(self.listed.address, self.listed.etag, start, stop - start)
        if len(data) == stop - start:
            with self._guard:
                self._windows.append((start, data))
                while sum(len(kept) for _, kept in self._windows) > _KEPT_BYTES and len(self._windows) > 1:
                    self._windows.pop(0)
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        return


Blob = LocalFile | RemoteFile


def join(parts: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Parts (start, end) in order, those that are near each other made one.

    Example:
        >>> join([(100_000, 100_010), (0, 5), (7, 20)])
        [(0, 20), (100000, 100010)]
    """
    found: list[tuple[int, int]] = []
    for start, end in sorted(parts):
        if found and start - found[-1][1] <= NEAR:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


class Seekable(io.RawIOBase):
    """A `RemoteFile` as pyarrow reads files."""

    def __init__(self, blob: RemoteFile) -> None:
        super().__init__()
        self._blob, self._at = blob, 0

    def readable(self) -> bool:  # noqa: D102
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def tell(self) -> int:  # noqa: D102
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:  # noqa: D102
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._blob.size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:  # noqa: D102
        wanted = self._blob.size - self._at if size is None or size < 0 else size
        data = self._blob.pread(wanted, self._at)
        self._at += len(data)
        return data


def opened(path: Path) -> Blob:
    """A file to read parts of; a context manager.

    Raises:
        OSError: there is none, or it may not be read.
    """
    listed = stands_for(path)
    return LocalFile(path) if listed is None else _remote(listed)


@functools.lru_cache(_KEPT_FILES)
def _remote(listed: Listed) -> RemoteFile:
    return RemoteFile(listed)


def place_mark(path: Path, listed: Listed) -> bool:
    """Make ``path`` stand for an object; False where that is too small to: it is better downloaded."""
    told = [listed.address.bucket, listed.address.key, listed.size, listed.etag, listed.mtime_ns]
    mark = _MARK + json.dumps(told).encode() + b"\n"
    if len(mark) > min(listed.size, _LONGEST_MARK):
        return False
    path.write_bytes(mark)
    os.truncate(path, listed.size)
    os.utime(path, ns=(listed.mtime_ns, listed.mtime_ns))
    return True


def stands_for(path: Path) -> Listed | None:
    """The object that a file stands for; None for any other file.

    Raises:
        OSError: there is none, or it may not be read.
    """
    try:
        if not path.is_relative_to(cache_folder() / MIRRORS):
            return None
    except RmsetError:  # no home, and so no cache
        return None
    with path.open("rb") as file:
        head = file.read(_LONGEST_MARK)
    if not head.startswith(_MARK):
        return None
    bucket, key, size, etag, mtime_ns = json.loads(head[len(_MARK) : head.index(b"\n")])
    return Listed(Address(bucket, key), size, etag, mtime_ns)
