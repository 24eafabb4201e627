"""Pictures of shards in a bucket: each page is fetched once and kept on this machine, by object and state.

A kept shard is a file with holes, each page at its own place. A page's checksum tells whether it is there, so that
several processes may fill one file, and one that is killed leaves nothing that could be taken for a page.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.storage.blobs import RemoteFile, join
from rmset_builder.storage.cache import cache_folder
from rmset_builder.storage.server import fetch_range

SIZE_VARIABLE = "RMSET_CACHE_GB"
DEFAULT_GB = 50.0

_FOLDER = "pages"
_AT_ONCE = 16
_PIECE = 4 << 20
_LOOSE_BYTES = 256 << 20

Part = tuple[int, int]


def limit_bytes() -> int:
    """How much may be kept, by ``$RMSET_CACHE_GB``.

    Raises:
        RmsetError: it is no number.
    """
    told = os.environ.get(SIZE_VARIABLE, str(DEFAULT_GB))
    try:
        return int(float(told) * 1e9)
    except ValueError:
        raise RmsetError(f"${SIZE_VARIABLE} is {told!r}, which is no number", remedy="set it to so many GB") from None


class PageCache:
    """What all kept shards of a reader share: the threads that fetch, and how much may still be kept.

    Args:
        whole: bytes of all shards together. Where they may all be kept, what is around a page is fetched with it, since
            an epoch or two want all of it; else the page alone, with those that are asked for with it.
    """

    def __init__(self, whole: int) -> None:
        self._left, limit = limit_bytes(), limit_bytes()
        self.piece = _PIECE if whole <= limit else 1
        self.pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="pages")
        self.folder = cache_folder() / _FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self._guard = threading.Lock()
        self._loose: list[tuple[Path, int, bytes]] = []
        kept = sorted(self.folder.glob("*.pages"), key=lambda path: path.stat().st_mtime_ns)
        self._left -= sum(_held(path) for path in kept)
        # What this run wants is asked for anew; what was left alone for longest goes first.
        self._old = kept

    def hold(self, own: Path, start: int, data: bytes) -> None:
        """Have in memory what finds no room, until so much else has come."""
        with self._guard:
            self._loose.append((own, start, data))
            while sum(len(one) for _, _, one in self._loose) > _LOOSE_BYTES:
                self._loose.pop(0)

    def held(self, own: Path, start: int, end: int) -> bytes | None:
        """A part that `hold` has."""
        with self._guard:
            for path, first, data in reversed(self._loose):
                if path == own and first <= start and end <= first + len(data):
                    return data[start - first : end - first]
        return None

    def admit(self, size: int, own: Path) -> bool:
        """Whether so many bytes more may be kept in ``own``; older shards of other runs make room."""
        with self._guard:
            while self._left < size and self._old:
                path = self._old.pop(0)
                if path != own and not _in_use(path):
                    self._left += _held(path)
                    path.unlink(missing_ok=True)
            if self._left < size:
                return False
            self._left -= size
            return True


def _held(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0


_USED: set[Path] = set()


def _in_use(path: Path) -> bool:
    return path in _USED


class CachedShard:
    """A shard in a bucket as `LocalFile` has one: parts of it, from this machine where they are kept."""

    def __init__(self, remote: RemoteFile, cache: PageCache) -> None:
        self.size, self.mtime_ns = remote.size, remote.mtime_ns
        self._listed, self._cache = remote.listed, cache
        known = f"{remote.listed.address}\0{remote.listed.etag}"
        self._path = cache.folder / f"{hashlib.sha256(known.encode()).hexdigest()[:32]}.pages"
        _USED.add(self._path)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        os.truncate(self._file, self.size)
        os.utime(self._path)
        self._running: dict[Part, Future[bytes]] = {}
        self._guard = threading.Lock()

    def __del__(self) -> None:
        os.close(self._file)

    def kept(self, size: int, offset: int) -> bytes:
        """A part as it is on this machine: of zeros where it is not, or not as a whole."""
        return os.pread(self._file, size, offset)

    def pread(self, size: int, offset: int) -> bytes:
        """A part from the server, which is kept from now on.

        Raises:
            StorageError: the server cannot be asked, or the shard has changed.
        """
        if (held := self._cache.held(self._path, offset, offset + size)) is not None:
            return held
        start, future = self._fetching(self._around(offset, min(offset + size, self.size)))
        return future.result()[offset - start : offset - start + size]

    def want(self, parts: Sequence[Part]) -> None:
        """Begin to fetch what of these parts (start, end) is not here, those near each other together."""
        absent = [self._around(*part) for part in parts if not any(self.kept(1, part[0]))]
        for part in join(absent) if self._cache.piece == 1 else sorted(set(absent)):
            self._fetching(part)

    def _around(self, start: int, end: int) -> Part:
        piece = self._cache.piece
        return start // piece * piece, min(-(-end // piece) * piece, self.size)

    def _fetching(self, part: Part) -> tuple[int, Future[bytes]]:
        """What fetches a part, and where what it fetches begins: nothing is on its way twice."""
        with self._guard:
            for (start, end), future in self._running.items():
                if start <= part[0] and part[1] <= end:
                    return start, future
            future = self._running[part] = self._cache.pool.submit(self._fetch, part)
            return part[0], future

    def _fetch(self, part: Part) -> bytes:
        start, end = part
        try:
            data = fetch_range(self._listed.address, self._listed.etag, start, end - start)
            if self._cache.admit(len(data), self._path):
                # The first byte last: until then it is a hole, and nobody takes the part for one that is there.
                os.pwrite(self._file, data[1:], start + 1)
                os.pwrite(self._file, data[:1], start)
            else:
                self._cache.hold(self._path, start, data)
            return data
        finally:
            with self._guard:
                self._running.pop(part, None)
