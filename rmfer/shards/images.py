"""Pictures by row number: one read of a few kilobytes each, checked against the page's checksum."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rmfer.errors import ShardError
from rmfer.shards.index import MISSING, Index
from rmfer.shards.page_cache import CachedShard, PageCache
from rmfer.shards.shard_files import EXTRACT_AGAIN
from rmset_builder.shards.pages import PageError, picture
from rmset_builder.storage.blobs import LocalFile, RemoteFile, opened
from rmset_builder.storage.server import ChangedError, StorageError

OPEN_FILES = 256
NEAR = 1 << 16
OPEN_AGAIN = "open the folder again, which brings its index up to date"

Rows = npt.NDArray[np.int64] | Sequence[int]


class ImageReader:
    """Reads JPEG bytes of an `Index`; may be used by many threads at once.

    Example:
        >>> reader = ImageReader(open_index(Path("shards")))  # doctest: +SKIP
        >>> bytes(reader.read(0))[:2]  # doctest: +SKIP
        b'\\xff\\xd8'
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._files: dict[int, LocalFile | CachedShard] = {}
        self._cache: PageCache | None = None
        self._lock = threading.Lock()

    def read(self, row: int) -> memoryview:
        """The JPEG file of ``row``.

        Raises:
            ShardError: the shard is missing, cut, or changed, or the picture is damaged; names shard and row.
        """
        (found,) = self.read_many([row])
        if isinstance(found, ShardError):
            raise found
        return found

    def read_many(self, rows: Rows) -> Iterator[memoryview | ShardError]:
        """The JPEG file of each of ``rows``, or why there is none, in the order given."""
        index, rows = self.index, np.asarray(rows, np.int64)
        shards = np.searchsorted(index.shard_start, rows, side="right") - 1
        offsets, sizes = index.offset[rows], index.size[rows]
        # Where a row before has the same page, pages hold several pictures.
        shared = (index.offset[np.maximum(rows - 1, 0)] == offsets) & (rows > index.shard_start[shards])
        places = zip(rows.tolist(), shards.tolist(), offsets.tolist(), sizes.tolist(), shared.tolist(), strict=True)
        for row, shard, offset, size, is_shared in places:
            ordinal = self._ordinal(row, shard, offset) if is_shared else 0
            try:
                yield self._picture(self._file(shard), size, offset, ordinal)
            except ShardError as error:
                yield error
            except PageError as error:
                yield self.fault(row, str(error))
            except OSError as error:
                yield self.fault(row, f"cannot be read ({error.strerror})")
            except ChangedError as error:
                yield self.fault(row, f"changed since it was indexed ({error.message})")

    @staticmethod
    def _picture(file: LocalFile | CachedShard, size: int, offset: int, ordinal: int) -> memoryview:
        if isinstance(file, CachedShard):
            try:
                return picture(file.kept(size, offset), ordinal)
            except PageError:  # it is not here, or not as it was written
                pass
        page = file.pread(size, offset)
        if len(page) < size:
            raise PageError("the file ends before it; it was cut")
        return picture(page, ordinal)

    def will_need(self, rows: Rows) -> None:
        """Tell the operating system that ``rows`` are read soon, so that it fetches them side by side."""
        index, rows = self.index, np.asarray(rows, np.int64)
        shards = np.searchsorted(index.shard_start, rows, side="right") - 1
        order = np.lexsort((index.offset[rows], shards))
        shards, begins = shards[order], index.offset[rows][order]
        ends = begins + index.size[rows][order]
        # Pages beside each other, as those of one moment are, are asked for at once.
        cuts = np.flatnonzero((np.diff(shards) != 0) | (begins[1:] - ends[:-1] > NEAR)) + 1
        if self._cache is not None or any(isinstance(self._file(shard), CachedShard) for shard in shards[:1].tolist()):
            self._want(shards, begins, ends)
            return
        firsts, lasts = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(rows)]]) - 1
        for shard, begin, end in zip(
            shards[firsts].tolist(), begins[firsts].tolist(), ends[lasts].tolist(), strict=True
        ):
            try:
                file = self._file(shard)
                assert isinstance(file, LocalFile)
                os.posix_fadvise(file.fileno(), begin, end - begin, os.POSIX_FADV_WILLNEED)
            except (ShardError, OSError, AttributeError):  # told when it is read; macOS has no such advice
                return

    def _want(self, shards: npt.NDArray[np.intp], begins: Rows, ends: Rows) -> None:
        for shard in np.unique(shards).tolist():
            own = shards == shard
            try:
                file = self._file(shard)
            except (ShardError, OSError, StorageError):  # told when it is read
                return
            if isinstance(file, CachedShard):
                pairs = np.stack([np.asarray(begins)[own], np.asarray(ends)[own]], axis=1)
                file.want([(begin, end) for begin, end in pairs.tolist()])

    def fault(self, row: int, message: str) -> ShardError:
        """An error that names the shard of ``row`` and its number there."""
        path, number = self.index.place(row)
        return ShardError(path, message, row=number, remedy=EXTRACT_AGAIN)

    def _ordinal(self, row: int, shard: int, offset: int) -> int:
        first = int(self.index.shard_start[shard])
        return row - first - int(np.searchsorted(self.index.offset[first:row], np.int64(offset)))

    def _file(self, shard: int) -> LocalFile | CachedShard:
        if (file := self._files.get(shard)) is not None:
            return file
        known = self.index.shards[shard]
        path = self.index.folder / known.name
        file = self._open(path)
        if (file.size, file.mtime_ns) != (known.size, known.mtime_ns):
            how = "was cut" if file.size < known.size else "changed"
            raise ShardError(path, f"{how} since it was indexed", remedy=f"{EXTRACT_AGAIN}, or {OPEN_AGAIN}")
        with self._lock:
            if len(self._files) >= OPEN_FILES:
                # A thread that is reading from it still holds it; it closes when nobody does.
                del self._files[next(iter(self._files))]
            return self._files.setdefault(shard, file)

    def _open(self, path: Path) -> LocalFile | CachedShard:
        try:
            file = opened(path)
        except FileNotFoundError as error:
            raise ShardError(path, "is missing", remedy=MISSING) from error
        except OSError as error:
            raise ShardError(path, f"cannot be read ({error.strerror})", remedy=MISSING) from error
        if isinstance(file, RemoteFile):
            with self._lock:
                if self._cache is None:
                    self._cache = PageCache(sum(shard.size for shard in self.index.shards))
                return CachedShard(file, self._cache)
        if hasattr(os, "posix_fadvise"):
            # Reading ahead would fetch the neighbours of every picture.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        return file
