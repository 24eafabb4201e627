"""One process at a time changes a video's files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards.layout import lock_path


@contextmanager
def alone(shards: Path, video: str) -> Iterator[None]:
    """No extraction, removal or correction of the same video runs meanwhile.

    Raises:
        RmsetError: one does.
    """
    if not shards.is_dir():  # nothing was ever extracted: there is nothing to be alone with
        yield
        return
    place = lock_path(shards, video)
    place.parent.mkdir(exist_ok=True)
    lock = FileLock(place)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RmsetError(f"{video} is at work in another process", remedy="wait for it or stop it") from None
    try:
        yield
    finally:
        lock.release()
