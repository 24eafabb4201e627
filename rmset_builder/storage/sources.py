"""Files that lie here or in a bucket, by the same path: their size and time, their hash, and a copy to work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.core.files import is_file, mtime_ns, sha256_of
from rmset_builder.storage.address import Address, address_of, as_path, key_fault
from rmset_builder.storage.cache import staging_folder
from rmset_builder.storage.server import Listed, download, fetch, list_folder, look

# What was listed in this process is not asked for again: a run of thousands of videos asks once for a thousand.
_seen: dict[Address, Listed | None] = {}


@dataclass(frozen=True)
class Status:
    """The size of a file, bytes, and when it was changed, ns since 1970."""

    size: int
    mtime_ns: int


def status_of(path: Path) -> Status:
    """Of a file here or in a bucket.

    Raises:
        OSError: there is none, or it may not be looked at.
        StorageError: the server cannot be asked.
    """
    address = address_of(path)
    if address is None:
        found = path.stat()
        return Status(found.st_size, mtime_ns(found))
    listed = _look(address)
    return Status(listed.size, listed.mtime_ns)


def is_source(path: Path) -> bool:
    """Whether there is a file, as far as can be seen."""
    address = address_of(path)
    if address is None:
        return is_file(path)
    try:
        return _look(address) is not None
    except FileNotFoundError:
        return False


def hash_of(path: Path) -> str:
    """Hexadecimal sha256 of a file, which is downloaded for it where it is in a bucket."""
    with at_hand(path) as here:
        return sha256_of(here)


@contextmanager
def at_hand(path: Path) -> Iterator[Path]:
    """The file itself, or a copy of the object that is gone after the block.

    Raises:
        FileNotFoundError: there is no such object.
        StorageError: the server cannot be asked.
    """
    address = address_of(path)
    if address is None:
        yield path
        return
    listed = _look(address)
    with staging_folder() as folder:
        # No part of a key becomes a path but letters and digits.
        suffix = Path(address.name).suffix
        here = folder / f"source{suffix if suffix[1:].isalnum() and suffix.isascii() else ''}"
        download(listed, here)
        yield here


def text_of(path: Path) -> bytes | None:
    """The content of a small object; None where there is none. ``path`` is an address."""
    address = address_of(path)
    assert address is not None
    content, state = fetch(address)
    return content if state else None


def list_objects(path: Path) -> list[Path]:
    """The object that an address is, or all objects below it; those whose keys could mislead are left out."""
    address = address_of(path)
    assert address is not None
    if address.key and (alone := look(address)) is not None:
        _seen[address] = alone
        return [path]
    found = [one for one in list_folder(address) if not key_fault(one.address.key) and "//" not in one.address.key]
    _seen.update({one.address: one for one in found})
    return [as_path(one.address) for one in found]


def _look(address: Address) -> Listed:
    if address not in _seen:
        _seen[address] = look(address)
    listed = _seen[address]
    if listed is None:
        raise FileNotFoundError(str(address))
    return listed
