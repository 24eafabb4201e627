"""A folder, or a zip of one, read through the same few questions; a zip is never unpacked to disk."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, Self

from rmfer.errors import BenchmarkError

_UNPACK = "unpack it and name the folder"
_FETCH = "fetch it again"
# Of a file; the tables of benchmarks have some hundred megabytes.
LARGEST = 1 << 30
_HEADER = struct.Struct("<4s22xHH")  # of a zip's member: magic number, length of its name and of its extra field


class Tree(Protocol):
    """Files below some place, by names relative to it with "/" between folders; threads may read side by side."""

    @property
    def path(self) -> Path:
        """The folder, or the zip."""

    def at(self, folder: str) -> Self:
        """The tree below ``folder``."""

    def files(self, folder: str = "") -> frozenset[str]:
        """Names of the files right in ``folder``; none where there is no such folder."""

    def folders(self, folder: str = "") -> frozenset[str]:
        """Names of the folders right in ``folder``."""

    def read(self, name: str) -> bytes:
        """A file's content.

        Raises:
            BenchmarkError: it is missing, or cannot be read.
        """

    def where(self, name: str) -> str:
        """What an error calls the file."""


def open_tree(path: Path) -> Tree:
    """The tree of a folder, or of a zip.

    Raises:
        BenchmarkError: it is neither.
    """
    if path.is_dir():
        return FolderTree(path)
    if not path.exists():
        raise BenchmarkError(str(path), "is not there", remedy="name a benchmark's folder or zip")
    try:
        return ZipTree(path, Archive(path))
    except OSError as error:
        raise BenchmarkError(str(path), f"cannot be read ({error.strerror})", remedy="see to its rights") from error
    except Exception:  # Python's reader raises many kinds at what is no zip
        raise BenchmarkError(str(path), "is neither a folder nor a whole zip", remedy=_FETCH) from None


def is_file(tree: Tree, name: str) -> bool:
    """Whether the file ``name`` is in ``tree``."""
    folder, _, file = name.rpartition("/")
    return file in tree.files(folder)


def is_folder(tree: Tree, name: str) -> bool:
    """Whether the folder ``name`` is in ``tree``."""
    parent, _, folder = name.rpartition("/")
    return folder in tree.folders(parent)


class FolderTree:
    """A folder on disk; each folder below is listed once. What lies outside of it does not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listed: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

    def at(self, folder: str) -> FolderTree:
        """See `Tree`."""
        return FolderTree(self.path / folder) if folder else self

    def files(self, folder: str = "") -> frozenset[str]:
        """See `Tree`."""
        return self._list(folder)[0]

    def folders(self, folder: str = "") -> frozenset[str]:
        """See `Tree`."""
        return self._list(folder)[1]

    def read(self, name: str) -> bytes:
        """See `Tree`."""
        try:
            if not _stays_inside(name):
                raise FileNotFoundError(name)
            # Joining paths with pathlib takes as long as reading a small file.
            with open(os.path.join(self.path, name), "rb") as file:  # noqa: PTH118, PTH123
                return file.read()
        except FileNotFoundError:
            raise BenchmarkError(self.where(name), "is missing", remedy=_FETCH) from None
        except OSError as error:
            raise BenchmarkError(
                self.where(name), f"cannot be read ({error.strerror})", remedy="see to its rights"
            ) from error

    def where(self, name: str) -> str:
        """See `Tree`."""
        return str(self.path / name)

    def _list(self, folder: str) -> tuple[frozenset[str], frozenset[str]]:
        if folder not in self._listed:
            files, folders = list[str](), list[str]()
            try:
                with os.scandir(self.path / folder if _stays_inside(folder) else self.path / "\n") as entries:
                    for entry in entries:
                        if not _is_of_the_system(entry.name):
                            (folders if entry.is_dir() else files).append(entry.name)
            except OSError:
                pass
            self._listed[folder] = frozenset(files), frozenset(folders)
        return self._listed[folder]


class Archive:
    """A zip's members; Python's own reader counts its readers without a lock, so threads read through this."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("rb", buffering=0)
        with zipfile.ZipFile(path) as archive:
            self.members = {_slashed(info.filename): info for info in archive.infolist() if not info.is_dir()}

    @cached_property
    def listing(self) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        """Files and folders in each folder."""
        files, folders = dict[str, set[str]](), dict[str, set[str]]({"": set()})
        for name in self.members:
            if any(map(_is_of_the_system, name.split("/"))):
                continue
            folder, _, file = name.rpartition("/")
            files.setdefault(folder, set()).add(file)
            while folder:
                parent, _, own = folder.rpartition("/")
                folders.setdefault(parent, set()).add(own)
                folder = parent
        return {
            folder: (frozenset(files.get(folder, ())), frozenset(folders.get(folder, ()))) for folder in files | folders
        }

    def read(self, name: str) -> bytes:
        """A member's content, checked."""
        where = f"{self.path}:{name}"
        info = self.members.get(name)
        if info is None:
            raise BenchmarkError(where, "is missing", remedy=_FETCH)
        if info.flag_bits & 1:
            raise BenchmarkError(where, "is encrypted", remedy=f"{_UNPACK}, with the password that came with it")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BenchmarkError(where, f"is compressed by method {info.compress_type}", remedy=_UNPACK)
        if max(info.file_size, info.compress_size) > LARGEST:
            raise BenchmarkError(where, f"is larger than {LARGEST >> 30} GiB", remedy=_UNPACK)
        try:
            magic, name_size, extra_size = _HEADER.unpack(self._pread(_HEADER.size, info.header_offset))
            if magic != b"PK\x03\x04":
                raise ValueError("no header")
            begin = info.header_offset + _HEADER.size + name_size + extra_size
            data = self._pread(info.compress_size, begin)
            if info.compress_type == zipfile.ZIP_DEFLATED:
                # No more than was announced, whatever the stream would grow to.
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, info.file_size + 1)
            if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
                raise ValueError("checksum")
        except (ValueError, struct.error, zlib.error, OSError, OverflowError):
            raise BenchmarkError(where, "is damaged", remedy=f"{_FETCH}: the zip was cut or changed") from None
        return data

    def _pread(self, size: int, offset: int) -> bytes:
        return os.pread(self._file.fileno(), size, offset)


class ZipTree:
    """What lies below ``prefix`` ("" or ending in "/") in a zip."""

    def __init__(self, path: Path, archive: Archive, prefix: str = "") -> None:
        self.path, self._archive, self._prefix = path, archive, prefix

    def at(self, folder: str) -> ZipTree:
        """See `Tree`."""
        return ZipTree(self.path, self._archive, f"{self._prefix}{folder}/") if folder else self

    def files(self, folder: str = "") -> frozenset[str]:
        """See `Tree`."""
        return self._list(folder)[0]

    def folders(self, folder: str = "") -> frozenset[str]:
        """See `Tree`."""
        return self._list(folder)[1]

    def read(self, name: str) -> bytes:
        """See `Tree`."""
        return self._archive.read(self._prefix + name)

    def where(self, name: str) -> str:
        """See `Tree`."""
        return f"{self.path}:{self._prefix}{name}"

    def _list(self, folder: str) -> tuple[frozenset[str], frozenset[str]]:
        return self._archive.listing.get(f"{self._prefix}{folder}".rstrip("/"), (frozenset(), frozenset()))


def _slashed(name: str) -> str:
    """A member's name with "/" between folders, which some that pack on Windows do not use."""
    return name if "/" in name else name.replace("\\", "/")


def _is_of_the_system(name: str) -> bool:
    """What macOS leaves in folders and zips; half of it looks like pictures."""
    return name in ("__MACOSX", ".DS_Store") or name.startswith("._")


def _stays_inside(name: str) -> bool:
    parts = PurePosixPath(name)
    return not parts.is_absolute() and ".." not in parts.parts and "\0" not in name
