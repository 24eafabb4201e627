"""Files that are either whole or absent: temporary name, fsync, rename."""

from __future__ import annotations

import functools
import glob
import hashlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"


def fsync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``: renamed to ``path`` on success, removed on failure.

    The temporary name starts with a dot and ends with ``.tmp``, so no reader takes it for a result. Those of processes
    of this machine that were killed as they wrote the same file are removed.

    Example:
        >>> with whole_file(Path("numbers.txt")) as temporary:  # doctest: +SKIP
        ...     temporary.write_text("1 2 3")
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{_here()}-{os.getpid()}{TEMPORARY_SUFFIX}")
    _remove_abandoned(path)
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
        fsync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@functools.cache
def _here() -> str:
    """What tells the processes of this machine, or of this container, from those of others that see the same folder."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def _remove_abandoned(path: Path) -> None:
    beginning = f".{path.name}.{_here()}-"
    for left in path.parent.glob(f"{glob.escape(beginning)}*{TEMPORARY_SUFFIX}"):
        number = left.name.removeprefix(beginning).removesuffix(TEMPORARY_SUFFIX)
        if number.isdecimal() and not _is_alive(int(number)):
            left.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True


_ADDRESS = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+:/[^/]")


def as_address(path: Path) -> str:
    """The URL that was given in place of a file; empty where ``path`` is none."""
    # A path has no two slashes in a row.
    if _ADDRESS.match(str(path)) and not is_there(path):
        return _ADDRESS.sub(lambda found: found[0].replace(":/", "://"), str(path), count=1)
    return ""


def is_there(path: Path) -> bool:
    """Whether there is anything, as far as its folder's rights let this be seen."""
    try:
        return path.exists()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether there is a file, as far as its folder's rights let this be seen."""
    try:
        return path.is_file()
    except OSError:
        return False


def mtime_ns(status: os.stat_result) -> int:
    """When a file was changed, nanoseconds since 1970, as 64 bits hold it: they end in the year 2262."""
    return min(status.st_mtime_ns, 2**63 - 1)


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
