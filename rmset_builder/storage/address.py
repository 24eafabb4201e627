"""Places in object storage: ``s3://bucket/key``, and how one travels as a path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rmset_builder.core.errors import RmsetError

_SCHEME = "s3:/"
# AWS's rules for names of buckets; so none can be an option, a path or another host.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LONGEST_KEY = 1024


@dataclass(frozen=True, order=True)
class Address:
    """An object, or where it has a ``key`` of which others begin, a folder of them.

    Example:
        >>> str(Address("bucket", "shards") / "videos.parquet")
        's3://bucket/shards/videos.parquet'
    """

    bucket: str
    key: str

    def __truediv__(self, name: str) -> Address:
        return Address(self.bucket, f"{self.key}/{name}" if self.key else name)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """The last part of the key; of a whole bucket its name."""
        return PurePosixPath(self.key).name or self.bucket

    @property
    def prefix(self) -> str:
        """What the keys of all objects in this folder begin with."""
        return f"{self.key}/" if self.key else ""


def is_address(path: Path) -> bool:
    """Whether a path is one that was given as ``s3://...``; pathlib makes one slash of the two."""
    return str(path).startswith(_SCHEME) or str(path) == "s3:"


def address_of(path: Path) -> Address | None:
    """The address that a path is; None for a path on this machine.

    Raises:
        RmsetError: it is one, and of a form that no server takes; keys with ``..`` or control characters are such.
    """
    if not is_address(path):
        return None
    bucket, _, key = str(path).removeprefix(_SCHEME).partition("/")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        # Not repeated: somebody may have put a key before the bucket's name.
        raise RmsetError("an address that begins with s3: has no name of a bucket", remedy="write s3://BUCKET/FOLDER")
    if fault := key_fault(key):
        raise RmsetError(f"s3://{bucket}: the key {fault}", remedy="write s3://BUCKET/FOLDER")
    return Address(bucket, key)


def key_fault(key: str) -> str:
    """Why a key is none that is read or written here; empty where it is one.

    Example:
        >>> key_fault("videos/../secret"), key_fault("videos/a.mp4")
        ("has a part '..'", '')
    """
    if len(key.encode("utf-8", "surrogatepass")) > _LONGEST_KEY:
        return f"is longer than {_LONGEST_KEY} bytes"
    if not key.isprintable():
        return "has characters that cannot be printed"
    wrong = [part for part in key.split("/") if part in (".", "..")]
    return f"has a part {wrong[0]!r}" if wrong else ""


def as_path(address: Address) -> Path:
    """The path by which an address is handed on."""
    return Path(f"{_SCHEME}{address.bucket}", address.key)


def named(path: Path) -> str:
    """A file as tables name it: its address, or its absolute path."""
    address = address_of(path)
    return str(path.absolute()) if address is None else str(address)


def shown(path: Path) -> str:
    """A path as it was given: pathlib leaves an address one slash short."""
    address = address_of(path)
    return str(path) if address is None else str(address)


def refuse_address(path: Path, *, remedy: str) -> None:
    """For what works on folders of this machine alone.

    Raises:
        RmsetError: ``path`` is an address.
    """
    if is_address(path):
        raise RmsetError(f"{shown(path)} is in object storage, where this does not work", remedy=remedy)
