"""Locks by which it is known whether a process still holds what it left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def held_if_free(lock: Path) -> Iterator[bool]:
    """Hold a lock for the block if nobody else does, without waiting; yields whether it is held.

    A lock that cannot be opened is not free.
    """
    own = FileLock(lock)
    try:
        own.acquire(timeout=0)
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        own.release()
